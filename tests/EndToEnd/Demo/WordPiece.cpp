// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// WordPiece for ASCII text.
#include "tests/EndToEnd/Demo/WordPiece.h"
#include <algorithm>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::demo;

/// Longer words become [UNK] whole, as in the reference tokeniser.
static constexpr size_t kLongestWord = 100;

static bool isSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// BERT counts every printable ASCII character as punctuation that is neither a
/// letter nor a digit, symbols such as $ and ^ too.
static bool isPunctuation(char c) {
  bool isLetter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  bool isDigit = c >= '0' && c <= '9';
  return c > ' ' && c < 127 && !isLetter && !isDigit;
}

static Expected<std::vector<std::string>> splitWords(std::string_view text) {
  std::vector<std::string> words;
  bool isWordOpen = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (isSpace(c)) {
      isWordOpen = false;
      continue;
    }
    if (c < ' ' || c >= 127)
      return Status::invalid(fmt::format("expected printable ASCII, got byte "
                                         "{:#04x} at position {}; write the "
                                         "sentence without accents",
                                         static_cast<uint8_t>(c), i));
    bool isAlone = isPunctuation(c);
    if (isAlone || !isWordOpen)
      words.emplace_back();
    words.back() += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    isWordOpen = !isAlone;
  }
  return words;
}

Expected<WordPiece> WordPiece::fromVocabulary(std::string_view text) {
  WordPiece result;
  for (int32_t line = 0; !text.empty(); ++line) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view piece = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!piece.empty() && piece.back() == '\r')
      piece.remove_suffix(1);
    if (!result.pieces.emplace(piece, line).second)
      return Status::invalid(fmt::format(
          "expected each piece once, got '{}' again at line {} of the "
          "vocabulary",
          piece, line + 1));
  }
  for (auto [name, id] :
       {std::pair("[CLS]", &result.cls), std::pair("[SEP]", &result.sep),
        std::pair("[UNK]", &result.unknown)}) {
    auto found = result.pieces.find(name);
    if (found == result.pieces.end())
      return Status::invalid(fmt::format(
          "expected {} in the vocabulary, it is missing among {} pieces", name,
          result.pieces.size()));
    *id = found->second;
  }
  return result;
}

void WordPiece::appendWord(const std::string &word,
                           std::vector<int32_t> &ids) const {
  size_t first = ids.size();
  size_t begin = word.size() > kLongestWord ? std::string::npos : 0;
  while (begin < word.size()) {
    size_t length = word.size() - begin;
    auto found = pieces.end();
    for (; length > 0 && found == pieces.end(); --length)
      found = pieces.find((begin ? "##" : "") + word.substr(begin, length));
    if (found == pieces.end()) {
      begin = std::string::npos;
      break;
    }
    ids.push_back(found->second);
    begin += length + 1;
  }
  if (begin == std::string::npos) {
    ids.resize(first);
    ids.push_back(unknown);
  }
}

Expected<std::vector<int32_t>>
WordPiece::encode(std::string_view sentence) const {
  Expected<std::vector<std::string>> words = splitWords(sentence);
  if (!words)
    return words.status();
  std::vector<int32_t> ids = {cls};
  for (const std::string &word : *words)
    appendWord(word, ids);
  ids.push_back(sep);
  return ids;
}
