// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The manifest: everything the runtime must know of a kernel to check, launch
// and trust it. Made by the compiler, carried with the image as JSON.
#ifndef NYBL_RUNTIME_ABI_MANIFEST_H
#define NYBL_RUNTIME_ABI_MANIFEST_H

#include "runtime/Abi/Status.h"
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nybl {

/// One kernel parameter, in order. `source` is what the runtime fills in:
/// an operand's pointer ("a", "sfa", "b", "sfb", "d", "alpha"), its row stride
/// in bytes ("a.stride", ...), "alpha.value" (used where the pointer is null),
/// "alpha.reciprocal" (1: use 1 / alpha) or "m" (rows of A and D).
struct KernelParameter {
  std::string source;
  std::string type; ///< "pointer", "i64", "i32" or "f32"
  friend bool operator==(const KernelParameter &,
                         const KernelParameter &) = default;
};

/// What must hold for the certificate to mean something; evaluated at launch.
///   alignment        operand's pointer is a multiple of value
///   stride_multiple  its row stride is a multiple of value
///   stride_max       its row stride is at most value
///   rows_fit         bytes >= (rows - 1) * stride + value, value = bytes a row
///   scale_bytes      bytes equal the layout's size for the rows allocated, and
///                    those are at least the rows used
///   rows_max         operand "m": M is at most value
///   no_overlap       the operand (an output) overlaps no input
struct Precondition {
  std::string check;
  std::string operand;
  int64_t value = 0;
  friend bool operator==(const Precondition &, const Precondition &) = default;
};

struct Lemma {
  std::string name; ///< "L1" ... "L7", docs/trust.md
  bool proven = false;
  std::string detail;
  friend bool operator==(const Lemma &, const Lemma &) = default;
};

struct Certificate {
  std::string prover;     ///< name and version
  std::string moduleHash; ///< SHA-256 of the kernel that was proven
  int64_t rowsMax = 0;    ///< the lemmas hold for M up to this
  std::vector<Lemma> lemmas;

  /// "L2, L3": the lemmas nobody has proven; empty if the proof is complete.
  std::string unproven() const;
  friend bool operator==(const Certificate &, const Certificate &) = default;
};

struct Manifest {
  static constexpr int64_t currentVersion = 1;

  std::string key;            ///< SHA-256 of the request, hex
  std::string problem;        ///< the problem class, canonical line
  std::string chip;           ///< full name with suffix
  std::string schedule;       ///< "key=value ..."
  std::string kernel;         ///< entry point
  std::string templateDigest; ///< SHA-256 of the template's text
  std::string compiler;       ///< fingerprint
  std::string ptxVersion;     ///< "8.7"
  std::string ptxas;          ///< version, empty if no cubin was made

  int64_t threads = 0;       ///< per CTA
  int64_t dynamicShared = 0; ///< bytes
  /// Grid: ceil(M / tileM) * ceil(N / tileN) tiles; CTAs take them by turns, so
  /// any number of CTAs from 1 to that count is right.
  int64_t tileM = 0, tileN = 0;
  std::vector<KernelParameter> parameters;
  std::vector<Precondition> preconditions;
  int64_t registers = -1; ///< per thread; -1 if no cubin was made
  int64_t spillBytes = 0;
  int64_t staticShared = 0; ///< bytes
  Certificate certificate;

  friend bool operator==(const Manifest &, const Manifest &) = default;
};

/// Canonical JSON: keys sorted, two spaces, one final newline.
std::string print(const Manifest &manifest);

/// parseManifest(print(m)) == m. The error names the field.
Expected<Manifest> parseManifest(std::string_view json);

} // namespace nybl

#endif // NYBL_RUNTIME_ABI_MANIFEST_H
