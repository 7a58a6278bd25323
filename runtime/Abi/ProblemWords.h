// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The words of a problem line, which all operations read alike.
#ifndef NYBL_RUNTIME_ABI_PROBLEMWORDS_H
#define NYBL_RUNTIME_ABI_PROBLEMWORDS_H

#include "runtime/Abi/Problem.h"
#include <functional>
#include <initializer_list>
#include <vector>

namespace nybl::words {

/// One word of the line, counted from 1.
struct Word {
  size_t number;
  std::string_view text;
  std::string_view key() const { return text.substr(0, text.find('=')); }
  std::string_view value() const {
    size_t equals = text.find('=');
    return equals == text.npos ? std::string_view() : text.substr(equals + 1);
  }
};

/// "at word 4 'kk=64': ..."
Status at(const Word &word, std::string what);

/// The words of a line of printable ASCII: at least one, each key once.
Expected<std::vector<Word>> split(std::string_view line);
/// As split, keys as often as they come.
Expected<std::vector<Word>> splitAny(std::string_view line);
/// No word before word i, the operation aside, has its key.
Status checkFirst(const std::vector<Word> &words, size_t i);

Expected<int64_t> parseNumber(const Word &word, std::string_view text);
Status parseM(const Word &word, Extent &m);
Status parseK(const Word &word, int64_t &k);
Status parseOneOf(const Word &word, std::string_view only);
Status parseLayout(const Word &word, ScaleLayout &layout);
Status parseType(const Word &word, OutputType &type);

/// What `parse` says of each word behind the operation, keys that come twice,
/// and keys of `required` that do not come.
std::vector<Status> allFaults(std::string_view line,
                              const std::function<Status(const Word &)> &parse,
                              std::initializer_list<std::string_view> required);

/// All that is wrong with a line of the operation, in the order of its words;
/// none where parsing it succeeds.
std::vector<Status> gemmFaults(std::string_view line);
std::vector<Status> quantizeFaults(std::string_view line);
std::vector<Status> dequantizeFaults(std::string_view line);
/// Of the operation that the line names.
std::vector<Status> faultsOf(std::string_view line);

/// "?", "5" or "1..32".
std::string print(const Extent &m);

} // namespace nybl::words

#endif // NYBL_RUNTIME_ABI_PROBLEMWORDS_H
