// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Safetensors files: 8 bytes of header length (little endian), a JSON header
// {name: {dtype, shape, data_offsets}, "__metadata__": {...}}, then the data.
// Source: the safetensors format description (huggingface/safetensors README).
#ifndef NYBL_RUNTIME_SUPPORT_SAFETENSORS_H
#define NYBL_RUNTIME_SUPPORT_SAFETENSORS_H

#include "runtime/Abi/Problem.h"
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nybl {

struct Tensor {
  std::string name;
  std::string dtype; ///< "F32", "BF16", "U8", "F4" (two elements a byte), ...
  std::vector<int64_t> shape;
  std::span<const uint8_t> bytes; ///< into the file that was read
  /// Of scale factors, as the file's metadata has it under the tensor's name
  /// and ".layout": "128x4"; empty: nobody says.
  std::string layout = {};

  int64_t elements() const;
};

/// A file in memory. Validated as a whole when it is read: lengths, names,
/// types and shapes agree with the bytes, nothing overlaps, nothing is missing.
class SafetensorsFile {
public:
  static Expected<SafetensorsFile> read(const std::string &path);
  /// As read, from bytes in memory; `name` stands in errors.
  static Expected<SafetensorsFile> parse(std::string bytes,
                                         const std::string &name);

  const std::vector<Tensor> &tensors() const { return list; }
  /// Null if there is none of that name.
  const Tensor *find(std::string_view name) const;
  /// Invalid error that lists the names there are.
  Expected<const Tensor *> require(std::string_view name) const;
  const std::string &path() const { return source; }

private:
  std::vector<uint8_t> content;
  std::vector<Tensor> list; ///< in the order of their data
  std::string source;
};

/// Bytes of one element times 8; 0 for a dtype that is not known.
unsigned bitsOfDtype(std::string_view dtype);

/// The dtype of such elements.
const char *dtypeOf(OutputType type);

/// Writes tensors sorted by name: same tensors, same bytes. Atomic.
Status writeSafetensors(const std::string &path, std::vector<Tensor> tensors);

/// The bytes of such a file.
std::string printSafetensors(std::vector<Tensor> tensors);

} // namespace nybl

#endif // NYBL_RUNTIME_SUPPORT_SAFETENSORS_H
