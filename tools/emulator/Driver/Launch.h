// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From the arguments of a launch to work that is checked and packed.
#ifndef NYBL_EMULATOR_DRIVER_LAUNCH_H
#define NYBL_EMULATOR_DRIVER_LAUNCH_H

#include "tools/emulator/Driver/Work.h"

namespace nybl::emu {

/// Checks all that can be checked at the call and copies the parameters.
/// `work` comes with function, grid, CTA, dynamic shared memory and what
/// attributes set.
CUresult prepareLaunch(State &s, KernelWork &work, void **parameters,
                       void **extra);

/// The part of it that depends on grid, cluster and cooperation.
CUresult checkShape(const State &s, KernelWork &work);

/// Takes one attribute; refuses what would change the meaning and is not known.
CUresult takeAttribute(State &s, const CUlaunchAttribute &attribute,
                       KernelWork &work);

/// The function of an entered call, or null with the reason in entry.status.
std::shared_ptr<Function> findFunction(Entry &entry, CUfunction handle);

/// The cluster that the kernel, or an attribute of the function, asks for; 0 in
/// a dimension: none.
Dim3 requiredCluster(const Function &f);

std::string text(const Dim3 &d);
inline uint64_t product(const Dim3 &d) { return uint64_t(d.x) * d.y * d.z; }

/// CTAs that one multiprocessor holds at a time: threads in whole warps, shared
/// memory with the 1 KiB that the system takes of each CTA, and the plain
/// limit. Registers are not counted.
int residentCtas(const ChipLimits &chip, const KernelInfo &kernel, int threads,
                 size_t dynamicShared);
/// Clusters of `size` CTAs that the device holds at a time, each on as many
/// multiprocessors; 0 if none fits.
uint64_t residentClusters(const Settings &settings, const KernelInfo &kernel,
                          unsigned size, int threads, size_t dynamicShared);
/// The largest cluster: 8 CTAs anywhere, 16 where the chip has them and the
/// function was told to, and no more than the kernel's .maxclusterrank.
unsigned mostClusterCtas(const ChipLimits &chip, const Function &f);
/// Whether a launch has to give a cluster: by .explicitcluster or an attribute.
bool clusterMustBeSet(const Function &f);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_DRIVER_LAUNCH_H
