// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reading trusts nothing; writing is deterministic.

#include "runtime/Support/Safetensors.h"
#include "runtime/Abi/BoundedJson.h"
#include "runtime/Support/File.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

using namespace nybl;
using Json = nlohmann::json;

static constexpr uint64_t maxHeader = 100'000'000;
static constexpr const char *metadataName = "__metadata__";

static std::string layoutKey(const std::string &tensor) {
  return tensor + ".layout";
}

const char *nybl::dtypeOf(OutputType type) {
  return type == OutputType::BF16  ? "BF16"
         : type == OutputType::F16 ? "F16"
                                   : "F32";
}

unsigned nybl::bitsOfDtype(std::string_view dtype) {
  static constexpr std::pair<std::string_view, unsigned> table[] = {
      {"F64", 64},    {"I64", 64},    {"U64", 64},    {"F32", 32},
      {"I32", 32},    {"U32", 32},    {"F16", 16},    {"BF16", 16},
      {"I16", 16},    {"U16", 16},    {"I8", 8},      {"U8", 8},
      {"BOOL", 8},    {"F8_E4M3", 8}, {"F8_E5M2", 8}, {"F8_E8M0", 8},
      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F4", 4}};
  for (auto &[name, bits] : table)
    if (name == dtype)
      return bits;
  return 0;
}

int64_t Tensor::elements() const {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

namespace {

/// Parses a header that lies in front of `data`.
class HeaderReader {
public:
  HeaderReader(const std::string &path, std::span<const uint8_t> data)
      : path(path), data(data) {}

  Expected<std::vector<Tensor>> read(std::string_view header) {
    bool duplicate = false, isTooDeep = false;
    std::map<int, std::set<std::string>> names; // by depth
    Json json = Json::parse(
        header,
        [&](int depth, Json::parse_event_t event, Json &parsed) {
          isTooDeep |= depth > deepestJson;
          if (isTooDeep)
            return false;
          if (event == Json::parse_event_t::object_start)
            names[depth + 1].clear();
          if (event == Json::parse_event_t::key)
            duplicate |= !names[depth].insert(parsed.get<std::string>()).second;
          return true;
        },
        /*allow_exceptions=*/false);
    if (isTooDeep)
      return bad("its header nests too deeply");
    if (json.is_discarded() || !json.is_object())
      return bad("its header is no JSON object");
    if (duplicate)
      return bad("its header names a tensor or a field of one twice");
    std::vector<Tensor> tensors;
    for (auto &[name, entry] : json.items()) {
      if (name == metadataName)
        continue;
      if (Status status = readEntry(name, entry, tensors.emplace_back());
          !status)
        return status;
      tensors.back().layout = layoutOf(name, json);
    }
    std::sort(tensors.begin(), tensors.end(),
              [](const Tensor &a, const Tensor &b) {
                return std::pair(a.bytes.data(), a.bytes.size()) <
                       std::pair(b.bytes.data(), b.bytes.size());
              });
    return checkCover(tensors) ? Expected(std::move(tensors))
                               : bad("its tensors overlap or leave gaps");
  }

private:
  Status bad(const std::string &why) const {
    return Status::invalid(
        fmt::format("'{}' is no valid safetensors file: {}", path, why));
  }

  /// All other metadata are somebody else's.
  static std::string layoutOf(const std::string &tensor, const Json &header) {
    auto metadata = header.find(metadataName);
    if (metadata == header.end() || !metadata->is_object())
      return "";
    auto found = metadata->find(layoutKey(tensor));
    return found != metadata->end() && found->is_string()
               ? found->get<std::string>()
               : "";
  }

  static bool isCount(const Json &value) {
    return value.is_number_integer() &&
           (value.is_number_unsigned() || value.get<int64_t>() >= 0) &&
           value.get<uint64_t>() < (uint64_t(1) << 48);
  }

  Status readEntry(const std::string &name, const Json &entry, Tensor &tensor) {
    auto refuse = [&](const char *why) {
      return bad(fmt::format("tensor '{}': {}", name, why));
    };
    if (!entry.is_object() || !entry.contains("dtype") ||
        !entry.contains("shape") || !entry.contains("data_offsets"))
      return refuse("expected dtype, shape and data_offsets");
    const Json &dtype = entry["dtype"], &shape = entry["shape"];
    const Json &offsets = entry["data_offsets"];
    if (!dtype.is_string() || !shape.is_array() || !offsets.is_array() ||
        offsets.size() != 2 || !isCount(offsets[0]) || !isCount(offsets[1]))
      return refuse("expected a dtype, a list of sizes and two offsets");
    tensor.name = name;
    tensor.dtype = dtype.get<std::string>();
    unsigned __int128 count = 1; // bounded whatever the dtype: elements()
    for (const Json &extent : shape) {
      if (!isCount(extent))
        return refuse("expected sizes from 0 to 2^48");
      tensor.shape.push_back(extent.get<int64_t>());
      count *= extent.get<uint64_t>();
      if (count > (static_cast<unsigned __int128>(1) << 56))
        return refuse("its shape is too large");
    }
    unsigned __int128 bits = count * bitsOfDtype(tensor.dtype);
    uint64_t begin = offsets[0].get<uint64_t>(),
             end = offsets[1].get<uint64_t>();
    if (begin > end || end > data.size())
      return bad(fmt::format("tensor '{}' ends at byte {} of {} bytes of data: "
                             "the file is truncated or its header wrong",
                             name, end, data.size()));
    if (bitsOfDtype(tensor.dtype) != 0 && (bits + 7) / 8 != end - begin)
      return bad(
          fmt::format("tensor '{}': {} elements of {} need {} bytes, its "
                      "offsets span {}",
                      name, tensor.elements(), tensor.dtype,
                      static_cast<uint64_t>((bits + 7) / 8), end - begin));
    tensor.bytes = data.subspan(begin, end - begin);
    return Status::ok();
  }

  /// The format has the tensors lie one after the other, without gaps.
  bool checkCover(const std::vector<Tensor> &tensors) const {
    const uint8_t *at = data.data();
    for (const Tensor &tensor : tensors) {
      if (tensor.bytes.data() != at)
        return false;
      at += tensor.bytes.size();
    }
    return at == data.data() + data.size();
  }

  const std::string &path;
  std::span<const uint8_t> data;
};

} // namespace

Expected<SafetensorsFile> SafetensorsFile::parse(std::string bytes,
                                                 const std::string &name) {
  uint64_t headerBytes = 0;
  if (bytes.size() < 8)
    return Status::invalid(fmt::format(
        "'{}' is no valid safetensors file: expected 8 bytes of header length, "
        "the file has {}",
        name, bytes.size()));
  std::memcpy(&headerBytes, bytes.data(), 8);
  if (headerBytes > maxHeader || headerBytes > bytes.size() - 8)
    return Status::invalid(fmt::format("'{}' is no valid safetensors file: a "
                                       "header of {} bytes does not fit a "
                                       "file of {}",
                                       name, headerBytes, bytes.size()));
  SafetensorsFile file;
  file.source = name;
  file.content.assign(bytes.begin() + 8 + static_cast<long>(headerBytes),
                      bytes.end());
  Expected<std::vector<Tensor>> tensors =
      HeaderReader(name, file.content)
          .read(std::string_view(bytes).substr(8, headerBytes));
  if (!tensors)
    return tensors.status();
  file.list = std::move(*tensors);
  return file;
}

Expected<SafetensorsFile> SafetensorsFile::read(const std::string &path) {
  Expected<std::string> bytes = readFile(path);
  if (!bytes)
    return bytes.status();
  return parse(std::move(*bytes), path);
}

const Tensor *SafetensorsFile::find(std::string_view name) const {
  for (const Tensor &tensor : list)
    if (tensor.name == name)
      return &tensor;
  return nullptr;
}

Expected<const Tensor *> SafetensorsFile::require(std::string_view name) const {
  if (const Tensor *tensor = find(name))
    return tensor;
  std::string names;
  for (const Tensor &tensor : list)
    if (names.size() < 400)
      names += (names.empty() ? "" : ", ") + tensor.name;
  return Status::invalid(
      fmt::format("expected a tensor '{}' in '{}', which holds: {}", name,
                  source, names.empty() ? "nothing" : names));
}

std::string nybl::printSafetensors(std::vector<Tensor> tensors) {
  std::sort(tensors.begin(), tensors.end(),
            [](const Tensor &a, const Tensor &b) { return a.name < b.name; });
  Json header = Json::object();
  uint64_t at = 0;
  std::string data;
  for (const Tensor &tensor : tensors) {
    header[tensor.name] = {{"dtype", tensor.dtype},
                           {"shape", tensor.shape},
                           {"data_offsets", {at, at + tensor.bytes.size()}}};
    if (!tensor.layout.empty())
      header[metadataName][layoutKey(tensor.name)] = tensor.layout;
    at += tensor.bytes.size();
    data.append(reinterpret_cast<const char *>(tensor.bytes.data()),
                tensor.bytes.size());
  }
  std::string text =
      header.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.append((8 - text.size() % 8) % 8, ' '); // data begins 8-byte aligned
  uint64_t length = text.size();
  return std::string(reinterpret_cast<const char *>(&length), 8) + text + data;
}

Status nybl::writeSafetensors(const std::string &path,
                              std::vector<Tensor> tensors) {
  return writeFile(path, {printSafetensors(std::move(tensors))});
}
