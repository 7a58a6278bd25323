// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Calls that only refuse. None looks at its arguments, so none is declared with
// them, and cuda.h, which would contradict, is not included: in the C ABI it is
// the caller who puts arguments in place and takes them away.

#include "tools/emulator/Driver/Lookup.h"

using namespace nybl::emu;

extern "C" {
#define NYBL_EMU_UNSUPPORTED(name, symbol, version)                            \
  int symbol() { return refuseUnsupported(#symbol); }
#include "tools/emulator/Driver/Unsupported.def"
#undef NYBL_EMU_UNSUPPORTED
}

const std::vector<EntryPoint> nybl::emu::unsupportedEntryPoints = {
#define NYBL_EMU_UNSUPPORTED(name, symbol, version)                            \
  {#name, reinterpret_cast<void *>(&symbol), version},
#include "tools/emulator/Driver/Unsupported.def"
#undef NYBL_EMU_UNSUPPORTED
};
