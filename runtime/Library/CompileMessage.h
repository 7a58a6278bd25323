// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A compilation between processes: what is asked, and what comes of it.
#ifndef NYBL_RUNTIME_LIBRARY_COMPILEMESSAGE_H
#define NYBL_RUNTIME_LIBRARY_COMPILEMESSAGE_H

#include "runtime/ForkServer/Message.h"
#include "runtime/Library/Provider.h"

namespace nybl::library {

/// With the current folder, which paths may be relative to.
forkserver::Message toMessage(const NyblCompileRequest &request);

/// Compiles what the message asks for, in its folder. A message that asks for
/// nothing is Invalid.
forkserver::Message answer(const Expected<Provider> &provider,
                           const forkserver::Message &request);

/// Errors: the compilation's; Environment if it is no answer.
Expected<Compilation> fromAnswer(forkserver::Message answer);

} // namespace nybl::library

#endif // NYBL_RUNTIME_LIBRARY_COMPILEMESSAGE_H
