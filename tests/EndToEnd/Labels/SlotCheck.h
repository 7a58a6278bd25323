// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Lemma L2 on what labels tell: every scale slot of every multiply holds
// `row < rows and block < blocks ? S[row, block] : 0`, where (row, block) is
// what the data in the same place say; and every product is made once.
#ifndef NYBL_TESTS_ENDTOEND_LABELS_SLOTCHECK_H
#define NYBL_TESTS_ENDTOEND_LABELS_SLOTCHECK_H

#include "tests/EndToEnd/Labels/Tensor.h"
#include "tools/emulator/include/nybl-emu.h"

namespace nybl::labels {

/// A part of D. Its products, one for each K block, must be made; no others.
struct Part {
  Rows rows, columns;
  bool holds(int64_t row, int64_t column) const {
    return rows.first <= row && row < rows.end && columns.first <= column &&
           column < columns.end;
  }
};

/// Where labels go wrong, a sentence each; at most a dozen of them.
class Faults {
public:
  void add(std::string sentence) {
    if (sentences.size() < 12)
      sentences.push_back(std::move(sentence));
  }
  std::vector<std::string> sentences;
};

/// `units` by label. `whole` is what of D has operands in memory, `part` what
/// the launch computes. The records are those of all multiplies, ordered as the
/// emulated driver gives them.
void checkSlots(const std::vector<nyblEmuLabel> &records,
                const std::vector<Unit> &units, int64_t blocks,
                const Part &whole, const Part &part, Faults &faults);

} // namespace nybl::labels

#endif // NYBL_TESTS_ENDTOEND_LABELS_SLOTCHECK_H
