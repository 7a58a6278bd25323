// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Records as lines of JSON.

#include "runtime/Tune/Record.h"
#include "runtime/Abi/BoundedJson.h"
#include "runtime/Abi/Problem.h"
#include "runtime/Support/Digest.h"
#include "runtime/Support/File.h"
#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

using namespace nybl;
using namespace nybl::tune;
using Json = nlohmann::ordered_json;

namespace {

constexpr const char *version = "tune 1";
constexpr size_t longestLine = 8192;
constexpr uint64_t largestFile = 256 << 20;
constexpr int64_t mostNumber = int64_t(1) << 52; // exact in any JSON reader

auto identity(const Record &r) {
  return std::tie(r.problem, r.m, r.gpu, r.driver, r.policy, r.schedule,
                  r.kernel);
}

/// Takes fields out of an object, and keeps the first complaint.
class Fields {
public:
  explicit Fields(const Json &object) : object(object) {}

  std::string text(const char *name) {
    const Json *value = take(name);
    if (!value || !value->is_string())
      return refuse(name, "a text"), "";
    auto text = value->get<std::string>();
    bool isLine = std::none_of(text.begin(), text.end(), [](unsigned char c) {
      return c < 0x20 || c == 0x7f;
    });
    if (text.empty() || !isLine)
      refuse(name, "one line of text");
    return text;
  }
  int64_t number(const char *name, int64_t least) {
    const Json *value = take(name);
    if (value && value->is_number_integer()) {
      // A number past int64 is an unsigned one, and turns out negative here.
      auto number = value->get<int64_t>();
      if (number >= least && number <= mostNumber)
        return number;
    }
    refuse(name, fmt::format("an integer from {} on", least));
    return least;
  }
  Status status() const {
    if (wrong && taken != object.size())
      return Status::invalid(fmt::format(
          "expected {} fields, got {}: a record of another version?", taken,
          object.size()));
    return wrong;
  }
  void refuse(const char *name, const std::string &expected) {
    if (wrong)
      wrong = Status::invalid(
          fmt::format("field '{}': expected {}", name, expected));
  }

private:
  const Json *take(const char *name) {
    ++taken;
    auto found = object.find(name);
    return found == object.end() ? nullptr : &*found;
  }

  const Json &object;
  size_t taken = 0;
  Status wrong;
};

void checkProblem(Fields &fields, const Record &record) {
  auto problem = parseProblem(record.problem);
  if (!problem || problem->n == 0 ||
      print(specialise(*problem)) != record.problem)
    fields.refuse(
        "problem",
        "a problem class as it is printed, with n > 0 (" +
            (problem ? print(specialise(*problem)) : problem.message()) + ")");
}

} // namespace

bool Record::sameIdentity(const Record &other) const {
  return identity(*this) == identity(other);
}

std::string tune::print(const Record &r) {
  Json json = {{"nybl", version},
               {"problem", r.problem},
               {"m", r.m},
               {"gpu", r.gpu.name},
               {"chip", r.gpu.chip},
               {"multiprocessors", r.gpu.multiprocessors},
               {"driver", r.driver},
               {"policy", r.policy},
               {"schedule", r.schedule},
               {"kernel", r.kernel},
               {"ns", r.nanoseconds},
               {"spread_ns", r.spread},
               {"runs", r.runs},
               {"checked", r.checked}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Expected<Record> tune::parseRecord(std::string_view line) {
  if (line.size() > longestLine)
    return Status::invalid(fmt::format("expected a line of at most {} bytes, "
                                       "got {}",
                                       longestLine, line.size()));
  Json json = parseBoundedJson<Json>(line);
  if (!json.is_object())
    return Status::invalid(
        "expected a JSON object, as `nybl tune` writes them");
  Fields fields(json);
  Record r;
  if (fields.text("nybl") != version)
    fields.refuse("nybl", fmt::format("'{}'", version));
  r.problem = fields.text("problem");
  r.m = fields.number("m", 1);
  r.gpu.name = fields.text("gpu");
  r.gpu.chip = fields.text("chip");
  r.gpu.multiprocessors = fields.number("multiprocessors", 1);
  r.driver = fields.number("driver", 0);
  r.policy = fields.text("policy");
  r.schedule = fields.text("schedule");
  r.kernel = fields.text("kernel");
  r.nanoseconds = fields.number("ns", 1);
  r.spread = fields.number("spread_ns", 0);
  r.runs = fields.number("runs", 0);
  r.checked = fields.text("checked");
  if (!isDigest(r.kernel))
    fields.refuse("kernel", "64 hexadecimal digits");
  checkProblem(fields, r);
  if (Status status = fields.status(); !status)
    return status;
  return r;
}

Expected<tune::File> tune::parseFile(std::string_view text) {
  File file;
  size_t number = 0;
  for (size_t end; (end = text.find('\n', file.whole)) != text.npos;
       file.whole = end + 1) {
    std::string_view line = text.substr(file.whole, end - file.whole);
    ++number;
    if (line.empty())
      continue;
    auto record = parseRecord(line);
    if (!record)
      return Status::invalid(
          fmt::format("line {}: {}", number, record.message()));
    file.records.push_back(std::move(*record));
  }
  return file;
}

Expected<tune::File> tune::readRecords(const std::string &path) {
  auto text = readFile(path, largestFile);
  if (!text)
    return text.status();
  auto file = parseFile(*text);
  if (!file)
    return Status::invalid(fmt::format("'{}', {}", path, file.message()));
  return file;
}

std::vector<Record> tune::latest(const std::vector<Record> &records) {
  auto key = [](const Record &r) {
    return std::tie(r.problem, r.gpu, r.driver, r.policy, r.schedule);
  };
  std::map<decltype(key(records.front())), const std::string *> kernels;
  for (const Record &r : records)
    kernels[key(r)] = &r.kernel;
  std::vector<Record> kept;
  for (const Record &r : records)
    if (*kernels[key(r)] == r.kernel)
      kept.push_back(r);
  return kept;
}

std::vector<Record> tune::merge(const std::vector<Record> &all) {
  std::vector<Record> records = latest(all);
  std::sort(records.begin(), records.end());
  records.erase(std::unique(records.begin(), records.end(),
                            [](const Record &a, const Record &b) {
                              return a.sameIdentity(b);
                            }),
                records.end());
  return records;
}
