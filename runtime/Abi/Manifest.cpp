// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The manifest's JSON. A field is named once: the same list prints and parses.

#include "runtime/Abi/Manifest.h"
#include "runtime/Abi/BoundedJson.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <set>

using namespace nybl;
using Json = nlohmann::json;

namespace {

class Writer {
public:
  void field(const char *name, std::string &v) { json[name] = v; }
  void field(const char *name, int64_t &v) { json[name] = v; }
  void field(const char *name, bool &v) { json[name] = v; }
  template <typename T>
  void field(const char *name, std::vector<T> &items);
  template <typename T>
  void field(const char *name, T &part);
  Json json = Json::object();
};

class Reader {
public:
  explicit Reader(const Json &json, std::string path)
      : json(json), path(std::move(path)) {}

  void field(const char *name, std::string &v) {
    if (const Json *found = find(name, Json::value_t::string))
      v = found->get<std::string>();
  }
  void field(const char *name, int64_t &v) {
    if (const Json *found = find(name, Json::value_t::number_integer))
      v = found->get<int64_t>();
  }
  void field(const char *name, bool &v) {
    if (const Json *found = find(name, Json::value_t::boolean))
      v = found->get<bool>();
  }
  template <typename T>
  void field(const char *name, std::vector<T> &items);
  template <typename T>
  void field(const char *name, T &part);

  /// Unknown fields are errors: a newer writer meant something by them.
  void finish() {
    if (!json.is_object())
      return;
    for (auto &[name, value] : json.items())
      if (!seen.contains(name))
        fail(name, "an unknown field");
  }
  void fail(const std::string &name, const std::string &what) {
    if (error.empty())
      error = fmt::format("manifest field '{}{}': {}", path, name, what);
  }
  std::string error;

private:
  const Json *find(const char *name, Json::value_t type) {
    seen.insert(name);
    if (!json.is_object() || !json.contains(name)) {
      fail(name, "expected, but missing");
      return nullptr;
    }
    const Json &value = json.at(name);
    bool integer = type == Json::value_t::number_integer;
    if (integer ? !value.is_number_integer() : value.type() != type) {
      fail(name, fmt::format("expected {}, got {}",
                             integer ? "an integer" : Json(type).type_name(),
                             value.type_name()));
      return nullptr;
    }
    if (integer && value.is_number_unsigned() &&
        value.get<uint64_t>() > uint64_t(INT64_MAX)) {
      fail(name, "expected a 64-bit integer");
      return nullptr;
    }
    return &value;
  }

  const Json &json;
  std::string path;
  std::set<std::string> seen;
};

template <typename Archive>
void fields(Archive &a, KernelParameter &v) {
  a.field("source", v.source);
  a.field("type", v.type);
}

template <typename Archive>
void fields(Archive &a, TensorMap &v) {
  a.field("operand", v.operand);
  a.field("box_rows", v.boxRows);
  a.field("box_bytes", v.boxBytes);
  a.field("swizzle", v.swizzle);
}

template <typename Archive>
void fields(Archive &a, TensorColumns &v) {
  a.field("holds", v.holds);
  a.field("first", v.first);
  a.field("columns", v.columns);
  a.field("stages", v.stages);
}

template <typename Archive>
void fields(Archive &a, Precondition &v) {
  a.field("check", v.check);
  a.field("operand", v.operand);
  a.field("value", v.value);
}

template <typename Archive>
void fields(Archive &a, Lemma &v) {
  a.field("name", v.name);
  a.field("proven", v.proven);
  a.field("domain", v.domain);
  a.field("sample", v.sample);
}

template <typename Archive>
void fields(Archive &a, AccessClass &v) {
  a.field("operand", v.operand);
  a.field("class", v.kind);
  a.field("count", v.count);
}

template <typename Archive>
void fields(Archive &a, Certificate &v) {
  a.field("prover", v.prover);
  a.field("module_hash", v.moduleHash);
  a.field("rows_max", v.rowsMax);
  a.field("questions", v.questions);
  a.field("searches", v.searches);
  a.field("accesses", v.accesses);
  a.field("lemmas", v.lemmas);
}

template <typename Archive>
void fields(Archive &a, Manifest &v) {
  a.field("key", v.key);
  a.field("problem", v.problem);
  a.field("chip", v.chip);
  a.field("schedule", v.schedule);
  a.field("kernel", v.kernel);
  a.field("template_digest", v.templateDigest);
  a.field("compiler", v.compiler);
  a.field("ptx_version", v.ptxVersion);
  a.field("ptxas", v.ptxas);
  a.field("threads", v.threads);
  a.field("dynamic_shared", v.dynamicShared);
  a.field("tile_m", v.tileM);
  a.field("tile_n", v.tileN);
  a.field("split", v.split);
  a.field("cluster", v.cluster);
  a.field("takes_over", v.takesOver);
  a.field("parameters", v.parameters);
  a.field("tensor_maps", v.tensorMaps);
  a.field("preconditions", v.preconditions);
  a.field("registers", v.registers);
  a.field("spill_bytes", v.spillBytes);
  a.field("static_shared", v.staticShared);
  a.field("tensor_columns", v.tensorColumns);
  a.field("tensor_memory", v.tensorMemory);
  a.field("certificate", v.certificate);
}

template <typename T>
void Writer::field(const char *name, std::vector<T> &items) {
  Json list = Json::array();
  for (T &item : items) {
    Writer inner;
    fields(inner, item);
    list.push_back(std::move(inner.json));
  }
  json[name] = std::move(list);
}

template <typename T>
void Writer::field(const char *name, T &part) {
  Writer inner;
  fields(inner, part);
  json[name] = std::move(inner.json);
}

template <typename T>
void Reader::field(const char *name, std::vector<T> &items) {
  const Json *list = find(name, Json::value_t::array);
  if (!list)
    return;
  for (size_t i = 0; i < list->size(); ++i) {
    Reader inner((*list)[i], fmt::format("{}{}[{}].", path, name, i));
    fields(inner, items.emplace_back());
    inner.finish();
    if (error.empty())
      error = inner.error;
  }
}

template <typename T>
void Reader::field(const char *name, T &part) {
  const Json *found = find(name, Json::value_t::object);
  if (!found)
    return;
  Reader inner(*found, fmt::format("{}{}.", path, name));
  fields(inner, part);
  inner.finish();
  if (error.empty())
    error = inner.error;
}

/// A launch divides by these and multiplies with them.
Status checkRanges(const Manifest &m) {
  auto expect = [](bool holds, const char *field, int64_t value) {
    return holds
               ? Status::ok()
               : Status::invalid(fmt::format(
                     "manifest field '{}': {} is out of range", field, value));
  };
  for (Status status :
       {expect(m.threads >= 1 && m.threads <= 1024, "threads", m.threads),
        expect(m.tileM >= 1 && m.tileM <= 4096, "tile_m", m.tileM),
        expect(m.tileN >= 1 && m.tileN <= 4096, "tile_n", m.tileN),
        expect(m.split >= 1 && m.split <= 64, "split", m.split),
        expect(m.cluster == 1 || m.cluster == 2, "cluster", m.cluster),
        expect(m.dynamicShared >= 0 && m.dynamicShared <= (1 << 20),
               "dynamic_shared", m.dynamicShared)})
    if (!status)
      return status;
  if (m.cluster != 1 && m.split != 1)
    return Status::invalid(fmt::format("manifest field 'cluster': expected 1 "
                                       "where tiles are split, got {} and "
                                       "a split of {}",
                                       m.cluster, m.split));
  if (m.takesOver && m.split != 1)
    return Status::invalid(fmt::format(
        "manifest field 'takes_over': expected false where tiles are split, "
        "for their CTAs wait for each other, got true and a split of {}",
        m.split));
  if (m.takesOver && m.cluster != 1)
    return Status::invalid(fmt::format(
        "manifest field 'takes_over': expected false where clusters take tiles "
        "together, got true and clusters of {}",
        m.cluster));
  return Status::ok();
}

/// What the driver takes (CUDA driver API, cuTensorMapEncodeTiled).
Status checkBox(const TensorMap &map, size_t index) {
  auto expect = [&](bool holds, const char *field, const char *range,
                    int64_t value) {
    return holds ? Status::ok()
                 : Status::invalid(fmt::format(
                       "manifest field 'tensor_maps[{}].{}': expected {}, got "
                       "{}",
                       index, field, range, value));
  };
  int64_t rows = map.boxRows, bytes = map.boxBytes, swizzle = map.swizzle;
  bool known = swizzle == 0 || swizzle == 32 || swizzle == 64 || swizzle == 128;
  for (Status status :
       {expect(rows >= 1 && rows <= 256, "box_rows", "1 to 256", rows),
        expect(known, "swizzle", "0, 32, 64 or 128", swizzle),
        expect(bytes >= 16 && bytes <= 256 && bytes % 16 == 0, "box_bytes",
               "a multiple of 16 from 16 to 256", bytes),
        expect(swizzle == 0 || bytes <= swizzle, "box_bytes",
               "at most the bytes of the swizzle", bytes)})
    if (!status)
      return status;
  return Status::ok();
}

} // namespace

Status nybl::checkTensorMaps(const Manifest &manifest) {
  std::set<std::string> unused; // as the source of the parameter to come
  for (size_t i = 0; i < manifest.tensorMaps.size(); ++i) {
    const std::string &operand = manifest.tensorMaps[i].operand;
    bool known = operand == "a" || operand == "b" || operand == "d";
    if (!known || !unused.insert(operand + ".map").second)
      return Status::invalid(
          fmt::format("manifest field 'tensor_maps[{}].operand': expected a, b "
                      "or d, each at most once, got '{}'",
                      i, operand));
    if (Status status = checkBox(manifest.tensorMaps[i], i); !status)
      return status;
  }
  for (size_t i = 0; i < manifest.parameters.size(); ++i)
    if (const KernelParameter &parameter = manifest.parameters[i];
        parameter.type == "tensor_map" && !unused.erase(parameter.source))
      return Status::invalid(
          fmt::format("manifest field 'parameters[{}].source': expected the "
                      "map of an operand of 'tensor_maps', each at most once, "
                      "got '{}'",
                      i, parameter.source));
  if (!unused.empty())
    return Status::invalid(
        fmt::format("manifest field 'tensor_maps': expected a parameter '{}' "
                    "of type tensor_map, got none",
                    *unused.begin()));
  return Status::ok();
}

std::string Certificate::unproven() const {
  std::string names;
  for (const Lemma &lemma : lemmas)
    if (!lemma.proven)
      names += (names.empty() ? "" : ", ") + lemma.name;
  return lemmas.empty() ? "all lemmas" : names;
}

static std::string dump(const Json &json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string nybl::print(const Certificate &certificate) {
  Certificate copy = certificate;
  Writer writer;
  fields(writer, copy);
  return dump(writer.json);
}

std::string nybl::print(const Manifest &manifest) {
  Manifest copy = manifest;
  int64_t version = Manifest::currentVersion;
  Writer writer;
  writer.field("version", version);
  fields(writer, copy);
  return dump(writer.json);
}

Expected<Manifest> nybl::parseManifest(std::string_view text) {
  Json json = parseBoundedJson<Json>(text);
  if (json.is_discarded() || !json.is_object())
    return Status::invalid("expected a manifest as a JSON object");
  Reader reader(json, "");
  int64_t version = 0;
  reader.field("version", version);
  if (reader.error.empty() && version != Manifest::currentVersion)
    return Status::invalid(
        fmt::format("manifest field 'version': expected {}, got "
                    "{}; rebuild the artefact",
                    Manifest::currentVersion, version));
  Manifest manifest;
  fields(reader, manifest);
  reader.finish();
  if (!reader.error.empty())
    return Status::invalid(reader.error);
  if (Status status = checkRanges(manifest); !status)
    return status;
  if (Status status = checkTensorMaps(manifest); !status)
    return status;
  return manifest;
}
