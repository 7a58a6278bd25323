// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Words, and the values that more than one operation has.

#include "runtime/Abi/ProblemWords.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::words;

static constexpr size_t maxLineLength = 4096;
static constexpr int64_t maxExtent = (int64_t(1) << 31) - 1;

Status words::at(const Word &word, std::string what) {
  return Status::invalid(
      fmt::format("at word {} '{}': {}", word.number, word.text, what));
}

static Status checkText(std::string_view line) {
  if (line.size() > maxLineLength)
    return Status::invalid(fmt::format("expected a problem line of at most {} "
                                       "characters, got {}",
                                       maxLineLength, line.size()));
  for (unsigned char c : line)
    if ((c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c >= 0x7f)
      return Status::invalid(fmt::format(
          "expected printable ASCII in a problem line, got byte 0x{:02x}", c));
  return Status::ok();
}

Status words::checkFirst(const std::vector<Word> &words, size_t i) {
  for (size_t j = 1; j < i; ++j)
    if (words[j].key() == words[i].key())
      return at(words[i], fmt::format("'{}' was given before, at word {}",
                                      words[i].key(), words[j].number));
  return Status::ok();
}

Expected<std::vector<Word>> words::splitAny(std::string_view line) {
  if (Status status = checkText(line); !status)
    return status;
  std::vector<Word> words;
  constexpr std::string_view blanks = " \t\r\n";
  for (size_t begin = line.find_first_not_of(blanks); begin != line.npos;) {
    size_t end = std::min(line.find_first_of(blanks, begin), line.size());
    words.push_back({words.size() + 1, line.substr(begin, end - begin)});
    begin = line.find_first_not_of(blanks, end);
  }
  if (words.empty())
    return Status::invalid("expected a problem line such as 'gemm m=? n=4096 "
                           "k=7168', got nothing");
  return words;
}

Expected<std::vector<Word>> words::split(std::string_view line) {
  auto words = splitAny(line);
  if (!words)
    return words;
  for (size_t i = 1; i < words->size(); ++i)
    if (Status status = checkFirst(*words, i); !status)
      return status;
  return words;
}

std::vector<Status>
words::allFaults(std::string_view line,
                 const std::function<Status(const Word &)> &parse,
                 std::initializer_list<std::string_view> required) {
  auto words = splitAny(line);
  if (!words)
    return {words.status()};
  std::vector<Status> faults;
  for (size_t i = 1; i < words->size(); ++i)
    for (Status status : {checkFirst(*words, i), parse((*words)[i])})
      if (!status)
        faults.push_back(std::move(status));
  for (std::string_view key : required)
    if (std::none_of(words->begin() + 1, words->end(),
                     [&](const Word &word) { return word.key() == key; }))
      faults.push_back(Status::invalid(
          fmt::format("expected {}=NUMBER in '{}'", key, line)));
  return faults;
}

Expected<int64_t> words::parseNumber(const Word &word, std::string_view text) {
  int64_t number = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() ||
      text.empty() || number < 0 || number > maxExtent)
    return at(word, fmt::format("expected a number from 0 to {}, got '{}'",
                                maxExtent, text));
  return number;
}

Status words::parseM(const Word &word, Extent &m) {
  std::string_view value = word.value();
  if (value == "?") {
    m = Extent::free();
    return Status::ok();
  }
  size_t dots = value.find("..");
  Expected<int64_t> low = parseNumber(word, value.substr(0, dots));
  if (!low)
    return low.status();
  if (dots == value.npos) {
    m = Extent::fixed(*low);
    return Status::ok();
  }
  Expected<int64_t> high = parseNumber(word, value.substr(dots + 2));
  if (!high)
    return high.status();
  if (*low > *high)
    return at(word,
              fmt::format("expected m=LOW..HIGH with LOW <= HIGH, got {} > {}",
                          *low, *high));
  m = {*low, *high};
  return Status::ok();
}

Status words::parseK(const Word &word, int64_t &k) {
  Expected<int64_t> number = parseNumber(word, word.value());
  if (!number)
    return number.status();
  if (*number == 0 || *number % kBlock != 0)
    return at(word,
              fmt::format("k must be a positive multiple of {} (one scale "
                          "factor covers {} elements), got {}",
                          kBlock, kBlock, *number));
  k = *number;
  return Status::ok();
}

Status words::parseOneOf(const Word &word, std::string_view only) {
  if (word.value() == only)
    return Status::ok();
  return at(word, fmt::format("expected {}={}, got '{}'", word.key(), only,
                              word.value()));
}

Status words::parseLayout(const Word &word, ScaleLayout &layout) {
  Expected<ScaleLayout> parsed = parseScaleLayout(word.value());
  if (!parsed)
    return at(word, parsed.message());
  layout = *parsed;
  return Status::ok();
}

Status words::parseType(const Word &word, OutputType &element) {
  for (OutputType type : {OutputType::BF16, OutputType::F16, OutputType::F32})
    if (word.value() == name(type)) {
      element = type;
      return Status::ok();
    }
  return at(word, fmt::format("expected {}=bf16, f16 or f32, got '{}'",
                              word.key(), word.value()));
}

std::string words::print(const Extent &m) {
  return m.isFree()    ? "?"
         : m.isFixed() ? fmt::format("{}", m.low)
                       : fmt::format("{}..{}", m.low, m.high);
}
