// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reading and packing cases, comparing their outputs.

#include "tests/Foreign/Case.h"
#include "runtime/Abi/ScaleLayout.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

using namespace nybl;
using namespace nybl::foreign;

std::vector<uint8_t> foreign::readBytes(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string foreign::readText(const std::string &path) {
  std::vector<uint8_t> bytes = readBytes(path);
  return {bytes.begin(), bytes.end()};
}

std::vector<Case> foreign::readCases(const std::string &folder) {
  std::set<std::string> names;
  std::error_code missing;
  for (auto &entry : std::filesystem::directory_iterator(folder, missing))
    if (entry.is_directory())
      names.insert(entry.path().filename());
  std::vector<Case> cases;
  for (const std::string &name : names) {
    std::string path = folder + "/" + name;
    Json spec = Json::parse(readText(path + "/case.json"), nullptr, false);
    if (spec.is_object())
      cases.push_back({path, name, readText(path + "/kernel.ptx"), spec});
  }
  return cases;
}

std::vector<uint8_t> foreign::packE2m1(const std::vector<uint8_t> &codes) {
  std::vector<uint8_t> bytes(codes.size() / 2);
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<uint8_t>(codes[2 * i] | codes[2 * i + 1] << 4);
  return bytes;
}

std::vector<uint8_t> foreign::packScales(const std::vector<uint8_t> &scales,
                                         const std::string &layout,
                                         int64_t rows, int64_t blocks) {
  ScaleLayout to = *parseScaleLayout(layout);
  std::vector<uint8_t> bytes(byteSize(to, rows, blocks));
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t block = 0; block < blocks; ++block)
      bytes[byteOffset(to, blocks, row, block)] = scales[row * blocks + block];
  return bytes;
}

size_t foreign::elementBytes(const std::string &type) {
  if (type == "u8")
    return 1;
  return type == "bf16" || type == "f16" ? 2 : 4;
}

static double halfValue(uint16_t bits) {
  int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double magnitude = exponent ? std::ldexp(1024 + fraction, exponent - 25)
                              : std::ldexp(fraction, -24);
  if (exponent == 31)
    magnitude = fraction ? NAN : INFINITY;
  return bits >> 15 ? -magnitude : magnitude;
}

double foreign::elementValue(const std::string &type, const uint8_t *bytes) {
  uint32_t word = 0;
  std::memcpy(&word, bytes, elementBytes(type));
  if (type == "f32")
    return std::bit_cast<float>(word);
  if (type == "bf16")
    return std::bit_cast<float>(word << 16);
  if (type == "f16")
    return halfValue(static_cast<uint16_t>(word));
  return type == "i32" ? static_cast<int32_t>(word) : word;
}

std::string foreign::compare(const Json &buffer,
                             const std::vector<uint8_t> &got,
                             const std::vector<uint8_t> &expected) {
  std::string type = buffer["type"], first;
  size_t size = elementBytes(type), count = buffer["elements"], wrong = 0;
  size_t columns = buffer["columns"];
  bool bits = !buffer.contains("absolute");
  if (got.size() != count * size ||
      expected.size() != count * (bits ? size : sizeof(double)))
    return fmt::format("{} bytes against {} expected", got.size(),
                       expected.size());
  for (size_t i = 0; i < count; ++i) {
    const uint8_t *here = &got[i * size];
    double value = elementValue(type, here), want = 0;
    bool good;
    if (bits) {
      good = std::memcmp(here, &expected[i * size], size) == 0;
      want = elementValue(type, &expected[i * size]);
    } else {
      std::memcpy(&want, &expected[i * sizeof want], sizeof want);
      double slack = buffer["absolute"].get<double>() +
                     buffer["relative"].get<double>() * std::fabs(want);
      good = std::fabs(value - want) <= slack;
    }
    if (good)
      continue;
    if (!wrong++)
      first = fmt::format("[{}, {}]: expected {}, got {}", i / columns,
                          i % columns, want, value);
  }
  if (!wrong)
    return "";
  return fmt::format("{} of {} elements differ, first {}{}", wrong, count,
                     buffer["name"].get<std::string>(), first);
}

std::string foreign::forms(const std::string &ptx) {
  std::set<std::string> found;
  std::istringstream lines(ptx);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line.substr(0, line.find("//")));
    std::string word;
    words >> word;
    while (!word.empty() && (word[0] == '@' || word[0] == '{'))
      if (word.clear(); !(words >> word))
        break;
    if (word.empty() || !std::islower(static_cast<unsigned char>(word[0])) ||
        word.back() == ':')
      continue;
    found.insert(word.substr(0, word.find(';')));
  }
  std::string text = fmt::format("{} forms:", found.size());
  for (const std::string &form : found)
    text += " " + form;
  return text;
}
