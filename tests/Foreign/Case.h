// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A kernel that another compiler made, with inputs and expected outputs: a
// folder that cases.py wrote. case.json holds
//   kernel, chip       the entry's name, "sm_120a"
//   grid, block        three numbers each
//   shared             bytes of dynamic shared memory
//   slow               true: not in quick runs
//   buffers            name, file, pack, and what `pack` needs:
//     bytes            as they are
//     e2m1             one code a byte in the file, two a byte in memory
//     scales           rows, blocks, layout: laid out by runtime/Abi
//     output           type, elements, columns; file holds the expected bits,
//                      or with absolute and relative, f64 values; `before` is a
//                      file with what the memory holds at first
//   arguments          kind: pointer (buffer), i32, u64, f32 (value), or map
//                      (buffer, type, shape, strides, box, swizzle: innermost
//                      dimension first, as cuTensorMapEncodeTiled has them)
#ifndef NYBL_TESTS_FOREIGN_CASE_H
#define NYBL_TESTS_FOREIGN_CASE_H

#include "runtime/Abi/Status.h"
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace nybl::foreign {

using Json = nlohmann::json;

struct Case {
  std::string folder, name, ptx;
  Json spec;
  bool slow() const { return spec["slow"].get<bool>(); }
};

/// The cases under a folder, by name; empty where it does not exist.
std::vector<Case> readCases(const std::string &folder);

std::vector<uint8_t> readBytes(const std::string &path);
std::string readText(const std::string &path);

/// Element 2i in the low nibble of byte i.
std::vector<uint8_t> packE2m1(const std::vector<uint8_t> &codes);
/// One byte a scale in, the layout out; padding is zero.
std::vector<uint8_t> packScales(const std::vector<uint8_t> &scales,
                                const std::string &layout, int64_t rows,
                                int64_t blocks);

/// Bytes of an element of "u8", "i32", "bf16", "f16", "f32".
size_t elementBytes(const std::string &type);
/// The value that these bytes hold.
double elementValue(const std::string &type, const uint8_t *bytes);

/// Compares an output with what the file says. Empty, or how many elements
/// differ and the first of them.
std::string compare(const Json &buffer, const std::vector<uint8_t> &got,
                    const std::vector<uint8_t> &expected);

/// The distinct instruction forms of a PTX text, in one line.
std::string forms(const std::string &ptx);

} // namespace nybl::foreign

#endif // NYBL_TESTS_FOREIGN_CASE_H
