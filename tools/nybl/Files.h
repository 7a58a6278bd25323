// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Writing what the user named, whatever interrupts; reading templates.
#ifndef NYBL_TOOLS_NYBL_FILES_H
#define NYBL_TOOLS_NYBL_FILES_H

#include "runtime/Abi/Status.h"
#include <optional>
#include <string>
#include <string_view>

namespace nybl::cli {

/// What ends the process (Ctrl-C and its kin) takes the temporary file of
/// writeOutput with it, whichever thread the signal reaches. A file that grows
/// past a limit is an error of the write. Called once, first of all.
void cleanUpOnSignals();

/// Others see the old file or the whole new one. A path that is no regular file
/// (/dev/null, a pipe) is written directly, not replaced; a link is followed.
/// Errors: Environment.
Status writeOutput(const std::string &path, std::string_view content);

/// True if both paths name one file.
bool isSameFile(const std::string &a, const std::string &b);

/// The text of a template; none where no path is given. A file that is empty or
/// no text is an error: it would pass for none, or for its first line.
Expected<std::optional<std::string>> readTemplate(const std::string &path);

/// The same for a cta.kernel.
Expected<std::optional<std::string>> readKernelText(const std::string &path);

/// For an option that names a file: `--template ""` is not a missing option.
std::string expectFileName(const std::string &path);

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_FILES_H
