// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tokeniser of BERT "uncased" models, for ASCII text: lower case, split at
// white space and punctuation, then the longest known piece from the left.
// Source: Devlin et al. 2019; Wu et al. 2016, section 4.1.
#ifndef NYBL_TESTS_ENDTOEND_DEMO_WORDPIECE_H
#define NYBL_TESTS_ENDTOEND_DEMO_WORDPIECE_H

#include "runtime/Abi/Status.h"
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace nybl::demo {

class WordPiece {
public:
  /// The text of a vocab.txt: one piece a line, its number the line's, from 0.
  /// Error: [CLS], [SEP] or [UNK] is missing, or a piece stands there twice.
  static Expected<WordPiece> fromVocabulary(std::string_view text);

  /// [CLS] pieces [SEP]. Error: a byte outside printable ASCII and white space
  /// (accents would need Unicode tables).
  Expected<std::vector<int32_t>> encode(std::string_view sentence) const;

  int64_t size() const { return static_cast<int64_t>(pieces.size()); }

private:
  void appendWord(const std::string &word, std::vector<int32_t> &ids) const;

  std::unordered_map<std::string, int32_t> pieces;
  int32_t cls = 0, sep = 0, unknown = 0;
};

} // namespace nybl::demo

#endif // NYBL_TESTS_ENDTOEND_DEMO_WORDPIECE_H
