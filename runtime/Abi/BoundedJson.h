// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// JSON from outside. Whoever walks a value, prints or copies it calls himself
// once for each level of it, so the levels have a bound.
#ifndef NYBL_RUNTIME_ABI_BOUNDEDJSON_H
#define NYBL_RUNTIME_ABI_BOUNDEDJSON_H

#include <nlohmann/json.hpp>
#include <string_view>

namespace nybl {

/// More than any format of this project nests.
constexpr int deepestJson = 64;

/// Discarded where the text is no JSON, or nests more deeply than that. The
/// parser keeps its place on the heap, so it reads any depth.
template <typename Json = nlohmann::json>
Json parseBoundedJson(std::string_view text) {
  bool isTooDeep = false;
  Json json = Json::parse(
      text,
      [&](int depth, typename Json::parse_event_t, Json &) {
        isTooDeep |= depth > deepestJson;
        return !isTooDeep;
      },
      /*allow_exceptions=*/false);
  return isTooDeep ? Json(Json::value_t::discarded) : json;
}

} // namespace nybl

#endif // NYBL_RUNTIME_ABI_BOUNDEDJSON_H
