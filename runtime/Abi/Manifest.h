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
/// "alpha.reciprocal" (1: use 1 / alpha), "m" (rows of A and D), a tensor map
/// of an operand, by value ("a.map", "b.map", "d.map"), or the pointer of the
/// "workspace". Of a generic kernel also "n" (rows of B, columns of D),
/// "k.blocks" (K / 16) and "sfa.tile_stride" and "sfb.tile_stride", the bytes
/// from one row of the layout's tiles to the next, which follow from K.
struct KernelParameter {
  std::string source;
  std::string type; ///< "pointer", "i64", "i32", "f32" or "tensor_map"
  friend bool operator==(const KernelParameter &,
                         const KernelParameter &) = default;
};

/// How a launch makes the tensor map (CUtensorMap) of an operand: two
/// dimensions of bytes, those of a row and the rows, at the launch's row
/// stride; what lies outside reads as zero. One for each parameter of type
/// "tensor_map". Asks for preconditions: "alignment" and "stride_multiple"
/// multiples of 16, "stride_max" below 2^40, "rows_fit" of whole rows,
/// "rows_max" at most 2^32.
struct TensorMap {
  std::string operand;  ///< "a", "b" or "d"
  int64_t boxRows = 0;  ///< 1 to 256
  int64_t boxBytes = 0; ///< of a row: a multiple of 16 up to 256, and no more
                        ///< than `swizzle` unless that is 0
  int64_t swizzle = 0;  ///< 0, 32, 64 or 128 bytes
  friend bool operator==(const TensorMap &, const TensorMap &) = default;
};

/// What some columns of a CTA's tensor memory hold, all 128 lanes of them: each
/// stage has as many, one after the other from `first` on.
struct TensorColumns {
  std::string holds; ///< "accumulators", "scale factors of a", ... "of b"
  int64_t first = 0;
  int64_t columns = 0; ///< of one stage
  int64_t stages = 0;
  int64_t end() const { return first + columns * stages; }
  friend bool operator==(const TensorColumns &,
                         const TensorColumns &) = default;
};

/// What must hold for the certificate to mean something; evaluated at launch.
///   alignment        operand's pointer is a multiple of value
///   stride_multiple  its row stride is a multiple of value
///   stride_max       its row stride is at most value
///   rows_fit         bytes >= (rows - 1) * stride + value, value = bytes a row
///   scale_bytes      bytes equal the layout's size for the rows allocated, and
///                    those are at least the rows used
///   rows_max         operand "m": M is at most value
///   rows_fit_columns, rows_fit_blocks
///                    as rows_fit, with value bytes a row for each column (N)
///                    or for each K block (K / 16)
///   n_max, k_max     operand "n" or "k": it is at most value
///   k_multiple       operand "k": K is a multiple of value
///   no_overlap       the operand (an output, or the workspace) overlaps no
///                    input, and no other of these
///   tile_bytes       operand "workspace": it has so many bytes for each tile
struct Precondition {
  std::string check;
  std::string operand;
  int64_t value = 0;
  friend bool operator==(const Precondition &, const Precondition &) = default;
};

struct Lemma {
  std::string name; ///< "L1" ... "L7", docs/trust.md
  bool proven = false;
  std::string domain; ///< over what it was shown
  std::string sample; ///< a point of that
  friend bool operator==(const Lemma &, const Lemma &) = default;
};

/// How many accesses of an operand there are, and what they may touch outside
/// its real bytes: nothing, of class "never".
struct AccessClass {
  std::string operand, kind;
  int64_t count = 0;
  friend bool operator==(const AccessClass &, const AccessClass &) = default;
};

struct Certificate {
  std::string prover;     ///< name and version
  std::string moduleHash; ///< SHA-256 of the kernel that was proven
  int64_t rowsMax = 0;    ///< the lemmas hold for M up to this
  /// What the proof cost: questions asked, and those that took a search. (No
  /// time: the same kernel has the same manifest.)
  int64_t questions = 0, searches = 0;
  std::vector<AccessClass> accesses;
  std::vector<Lemma> lemmas;

  /// "L2, L3": the lemmas nobody has proven; empty if the proof is complete.
  std::string unproven() const;
  friend bool operator==(const Certificate &, const Certificate &) = default;
};

struct Manifest {
  static constexpr int64_t currentVersion = 6;

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
  /// Grid: ceil(M / tileM) * ceil(N / tileN) tiles, each in `split` parts; CTAs
  /// take them by turns, so any number of CTAs from 1 to that count is right.
  /// Parts wait for each other: where there are several, no more CTAs than the
  /// device holds at once. All bytes of the workspace are zero before a launch
  /// and after it.
  int64_t tileM = 0, tileN = 0, split = 1;
  /// CTAs of a cluster, that take a tile together: 1 or 2. The grid is a
  /// multiple.
  int64_t cluster = 1;
  /// A CTA goes on with the tiles of CTAs that have not begun, instead of with
  /// those that are a grid's size further: then the grid has exactly one CTA a
  /// tile. Tiles have no parts then.
  bool takesOver = false;
  std::vector<KernelParameter> parameters;
  std::vector<TensorMap> tensorMaps;
  std::vector<Precondition> preconditions;
  int64_t registers = -1; ///< per thread; -1 if no cubin was made
  int64_t spillBytes = 0;
  int64_t staticShared = 0; ///< bytes
  /// That a CTA asks for; 0: none. In the order of columns; none overlap.
  int64_t tensorColumns = 0;
  /// Of a multiprocessor (PTX ISA, "Tensor Memory").
  static constexpr int64_t tensorColumnsOfAll = 512;
  std::vector<TensorColumns> tensorMemory;
  Certificate certificate;

  friend bool operator==(const Manifest &, const Manifest &) = default;
};

/// Canonical JSON: keys sorted, two spaces, one final newline.
std::string print(const Manifest &manifest);

/// The part of it that is the certificate.
std::string print(const Certificate &certificate);

/// Each recipe of a tensor map is within its bounds, and there is one for each
/// parameter that needs one, and no other. parseManifest asks it.
Status checkTensorMaps(const Manifest &manifest);

/// parseManifest(print(m)) == m. The error names the field.
Expected<Manifest> parseManifest(std::string_view json);

} // namespace nybl

#endif // NYBL_RUNTIME_ABI_MANIFEST_H
