// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which chips run the kernels of a family. A rule of NVIDIA's, and no
// arithmetic on numbers: 10.1 was the name of a chip of another family.
#ifndef NYBL_RUNTIME_ABI_CHIPFAMILY_H
#define NYBL_RUNTIME_ABI_CHIPFAMILY_H

#include <string_view>

namespace nybl {

/// The family target whose kernels a chip runs beside its own: "sm_100f" for
/// "sm_103a"; empty where Nybl makes none for its family.
std::string_view familyTargetOf(std::string_view chip);

} // namespace nybl

#endif // NYBL_RUNTIME_ABI_CHIPFAMILY_H
