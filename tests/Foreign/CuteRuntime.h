// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The runtime functions that host code made by CuTe DSL calls (_cuda...), on
// the driver API. Its own runtime library has the real CUDA runtime inside. Two
// things are exchanged on the way: the cubin, for the PTX it was made from; and
// the tensor maps, which the host code encodes itself.
#ifndef NYBL_TESTS_FOREIGN_CUTERUNTIME_H
#define NYBL_TESTS_FOREIGN_CUTERUNTIME_H

#include <string>

namespace nybl::foreign {

/// The PTX that the next load takes; forgets what came before.
void setCutePtx(const std::string &ptx);
/// Why a function failed; empty if none did since setCutePtx.
std::string cuteError();
/// Tensor maps that the host code wrote and passed since setCutePtx.
int cuteTensorMaps();

} // namespace nybl::foreign

#endif // NYBL_TESTS_FOREIGN_CUTERUNTIME_H
