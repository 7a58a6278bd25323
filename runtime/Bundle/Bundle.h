// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels in one file, with a table that says which is asked for by what: what
// people ship, and, with one kernel, an entry of the cache. The file is a row
// of offload binaries: the table first, then each manifest, PTX and cubin once,
// under its SHA-256.
#ifndef NYBL_RUNTIME_BUNDLE_BUNDLE_H
#define NYBL_RUNTIME_BUNDLE_BUNDLE_H

#include "runtime/Abi/KernelRequest.h"
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nybl::bundle {

/// One kernel whole. The certificate stands in the manifest.
struct Kernel {
  KernelRequest request;
  std::string manifest; ///< JSON, runtime/Abi/Manifest.h
  std::string ptx, cubin;
  /// What was timed, where the schedule was chosen by that; else empty.
  std::string tuned{};
};

/// One line of the table: digests of the parts.
struct Row {
  KernelRequest request;
  std::string manifest, ptx, cubin;
  std::string tuned{}; ///< as Kernel's
};

/// The bytes of a bundle, whatever the order of the kernels; parts that are
/// equal are stored once. Errors: Invalid where two kernels are asked for by
/// the same; Environment where there is no SHA-256.
Expected<std::string> write(std::vector<Kernel> kernels);

/// Immutable, shared by threads. Copies share the bytes.
class Bundle {
public:
  /// Checks the form of the whole and the table's digest; the parts' digests
  /// are checked when a part is taken. Errors: Invalid.
  static Expected<Bundle> read(std::string bytes);

  const std::vector<Row> &rows() const { return table; }

  /// The row that is asked for by the same, whoever compiled it; null: none.
  const Row *find(const KernelRequest &request) const;

  /// The bytes of a part, which have that digest. Errors: Invalid.
  Expected<std::string_view> part(const std::string &digest) const;

  /// A row with its parts, all checked. Errors: Invalid.
  Expected<Kernel> kernel(const Row &row) const;

private:
  std::shared_ptr<const std::string> bytes;
  std::vector<Row> table;
  std::map<std::string, std::string_view> parts; ///< by what they claim to be
};

} // namespace nybl::bundle

#endif // NYBL_RUNTIME_BUNDLE_BUNDLE_H
