// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The table as JSON, and the parts behind it.

#include "runtime/Bundle/Bundle.h"
#include "runtime/Abi/BoundedJson.h"
#include "runtime/Support/Digest.h"
#include "runtime/Support/OffloadBinary.h"
#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace nybl;
using namespace nybl::bundle;
using Json = nlohmann::json;

namespace {

constexpr int64_t currentVersion = 1;
constexpr const char *triple = "nvptx64-nvidia-cuda";

/// A field of a row by its name in the table.
struct Field {
  const char *name;
  std::string &(*of)(Row &row);
};
constexpr Field fields[] = {
    {"problem", [](Row &r) -> std::string & { return r.request.problem; }},
    {"chip", [](Row &r) -> std::string & { return r.request.chip; }},
    {"schedule", [](Row &r) -> std::string & { return r.request.schedule; }},
    {"template",
     [](Row &r) -> std::string & { return r.request.templateDigest; }},
    {"compiler", [](Row &r) -> std::string & { return r.request.compiler; }},
    {"ptxas", [](Row &r) -> std::string & { return r.request.ptxas; }},
    {"manifest", [](Row &r) -> std::string & { return r.manifest; }},
    {"ptx", [](Row &r) -> std::string & { return r.ptx; }},
    {"cubin", [](Row &r) -> std::string & { return r.cubin; }}};

/// Only where it says something, so that other bundles stay what they were.
constexpr const char *tunedField = "tuned";

std::string printTable(std::vector<Row> &rows) {
  Json list = Json::array();
  for (Row &row : rows) {
    Json json = Json::object();
    for (const Field &field : fields)
      json[field.name] = field.of(row);
    if (!row.tuned.empty())
      json[tunedField] = row.tuned;
    list.push_back(std::move(json));
  }
  Json table = {{"version", currentVersion}, {"kernels", std::move(list)}};
  return table.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Expected<Row> parseRow(const Json &json, size_t index) {
  auto error = [&](const std::string &what) {
    return Status::invalid(
        fmt::format("the bundle's table, kernel {}: {}", index, what));
  };
  Row row;
  bool isTuned = json.is_object() && json.contains(tunedField);
  if (!json.is_object() || json.size() != std::size(fields) + isTuned)
    return error(fmt::format("expected {} fields", std::size(fields)));
  if (isTuned && (!json[tunedField].is_string() || json[tunedField] == ""))
    return error("expected a text 'tuned' that says what was timed");
  if (isTuned)
    row.tuned = json[tunedField].get<std::string>();
  for (const Field &field : fields) {
    auto found = json.find(field.name);
    if (found == json.end() || !found->is_string())
      return error(fmt::format("expected a text '{}'", field.name));
    field.of(row) = found->get<std::string>();
  }
  for (const std::string *digest : {&row.manifest, &row.ptx, &row.cubin})
    if (!isDigest(*digest))
      return error(fmt::format("expected a SHA-256, got '{}'", *digest));
  if (auto text = print(row.request); !text)
    return error(text.message());
  return row;
}

Expected<std::vector<Row>> parseTable(std::string_view text) {
  Json json = parseBoundedJson<Json>(text);
  if (!json.is_object() || !json.contains("version") ||
      !json.contains("kernels") || !json["kernels"].is_array())
    return Status::invalid("the bundle's table: expected a JSON object with "
                           "'version' and 'kernels'");
  if (json["version"] != currentVersion)
    return Status::invalid(fmt::format("the bundle's table: expected version "
                                       "{}, got {}: make the bundle anew",
                                       currentVersion, json["version"].dump()));
  std::vector<Row> rows;
  for (const Json &kernel : json["kernels"]) {
    auto row = parseRow(kernel, rows.size());
    if (!row)
      return row.status();
    rows.push_back(std::move(*row));
  }
  return rows;
}

Status noTable(const std::string &what) {
  return Status::invalid(fmt::format(
      "expected a bundle of Nybl, as `nybl bundle` makes it: {}", what));
}

/// A member of the file, named by its digest.
OffloadImage member(ImageKind kind, const char *content,
                    const std::string &arch, const std::string &digest,
                    std::string_view bytes) {
  OffloadImage image;
  image.kind = kind;
  image.words = {{"triple", triple},
                 {"arch", arch},
                 {"content", content},
                 {"sha256", digest}};
  image.image = bytes;
  return image;
}

} // namespace

Expected<std::string> nybl::bundle::write(std::vector<Kernel> kernels) {
  std::sort(kernels.begin(), kernels.end(),
            [](const auto &a, const auto &b) { return a.request < b.request; });
  std::vector<Row> rows;
  std::map<std::string, OffloadImage> parts;
  for (const Kernel &kernel : kernels) {
    const KernelRequest &request = kernel.request;
    if (auto text = print(request); !text)
      return text.status();
    if (!rows.empty() && rows.back().request.asksFor(request))
      return Status::invalid(
          fmt::format("expected one kernel for '{}' on {}, got two",
                      request.problem, request.chip));
    auto add = [&](ImageKind kind, const char *content,
                   std::string_view bytes) {
      std::string digest = sha256(bytes);
      parts.emplace(digest, member(kind, content, request.chip, digest, bytes));
      return digest;
    };
    Row row;
    row.request = request;
    row.tuned = kernel.tuned;
    row.manifest = add(ImageKind::None, "manifest", kernel.manifest);
    row.ptx = add(ImageKind::Ptx, "ptx", kernel.ptx);
    row.cubin = add(ImageKind::Cubin, "cubin", kernel.cubin);
    if (row.cubin.empty())
      return Status::environment("libcrypto gives no SHA-256, which a bundle "
                                 "needs: look at its configuration");
    rows.push_back(std::move(row));
  }
  std::string table = printTable(rows), bytes;
  append(member(ImageKind::None, "table", "", sha256(table), table), bytes);
  for (const auto &[digest, image] : parts)
    append(image, bytes);
  return bytes;
}

Expected<Bundle> Bundle::read(std::string content) {
  Bundle bundle;
  bundle.bytes = std::make_shared<const std::string>(std::move(content));
  auto images = readOffloadImages(*bundle.bytes);
  if (!images)
    return noTable(images.message());
  if (images->empty() || images->front().word("content") != "table")
    return noTable("the first offload binary is not its table");
  const OffloadImage &first = images->front();
  if (first.word("sha256") != sha256(first.image))
    return noTable("its table does not have the SHA-256 that it states, so the "
                   "file was changed or is damaged");
  for (size_t i = 1; i < images->size(); ++i) {
    const OffloadImage &image = (*images)[i];
    if (image.word("content") == "table")
      return noTable("it has two tables; bundles cannot be strung together");
    bundle.parts.emplace(image.word("sha256"), image.image);
  }
  auto table = parseTable(first.image);
  if (!table)
    return table.status();
  bundle.table = std::move(*table);
  return bundle;
}

const Row *Bundle::find(const KernelRequest &request) const {
  for (const Row &row : table)
    if (row.request.asksFor(request))
      return &row;
  return nullptr;
}

Expected<std::string_view> Bundle::part(const std::string &digest) const {
  auto found = parts.find(digest);
  if (found == parts.end())
    return Status::invalid(
        fmt::format("expected a part with the SHA-256 {}, but the bundle has "
                    "none: it was cut off or put together wrongly",
                    digest));
  if (std::string actual = sha256(found->second); actual != digest)
    return Status::invalid(
        fmt::format("expected a part with the SHA-256 {}, but its bytes have "
                    "{}: the bundle was changed or is damaged",
                    digest, actual));
  return found->second;
}

Expected<Kernel> Bundle::kernel(const Row &row) const {
  Kernel kernel;
  kernel.request = row.request;
  kernel.tuned = row.tuned;
  for (auto [digest, to] : {std::pair(&row.manifest, &kernel.manifest),
                            std::pair(&row.ptx, &kernel.ptx),
                            std::pair(&row.cubin, &kernel.cubin)}) {
    auto bytes = part(*digest);
    if (!bytes)
      return bytes.status();
    *to = *bytes;
  }
  return kernel;
}
