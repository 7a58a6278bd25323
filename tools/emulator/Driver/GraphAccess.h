// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How the calls on graphs begin: checks, State::graphs held, the object.
#ifndef NYBL_EMULATOR_DRIVER_GRAPHACCESS_H
#define NYBL_EMULATOR_DRIVER_GRAPHACCESS_H

#include "tools/emulator/Driver/Capture.h"

namespace nybl::emu {

struct GraphAccess {
  Entry entry;
  CUresult status = CUDA_SUCCESS;
  std::unique_lock<std::mutex> lock;
  std::shared_ptr<Graph> graph; ///< of accessGraph()
  NodeRef node;                 ///< of accessNode()
};
GraphAccess accessGraph(CUgraph handle);
GraphAccess accessNode(CUgraphNode handle);

/// The form with kernel and context, both null.
CUDA_KERNEL_NODE_PARAMS widened(const CUDA_KERNEL_NODE_PARAMS_v1 &p);

/// From a description in the driver API's form to work that is checked. The
/// lock of State::graphs is not needed.
CUresult workOf(const Entry &entry, const CUDA_KERNEL_NODE_PARAMS &parameters,
                Work &work);
CUresult workOf(const Entry &entry, const CUDA_MEMCPY3D &parameters,
                Work &work);
CUresult workOf(const Entry &entry, const CUDA_MEMSET_NODE_PARAMS &parameters,
                Work &work);
CUresult workOf(const Entry &entry, const CUDA_HOST_NODE_PARAMS &parameters,
                Work &work);
/// Any type of node but a child graph.
CUresult workOf(const Entry &entry, const CUgraphNodeParams &parameters,
                Work &work);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_DRIVER_GRAPHACCESS_H
