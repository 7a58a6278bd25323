// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the verbs of the command share: how an error becomes one line and an
// exit code, and how a device is named.
#ifndef NYBL_TOOLS_NYBL_COMMAND_H
#define NYBL_TOOLS_NYBL_COMMAND_H

#include "runtime/Abi/Status.h"
#include <string>
#include <string_view>

namespace CLI {
class App;
}

namespace nybl::cli {

/// 0 fine; 1 a finding; 2 bad input; 3 environment; 4 not proven.
enum ExitCode {
  Fine = 0,
  Finding = 1,
  BadInput = 2,
  BadEnvironment = 3,
  NotProven = 4
};

/// README.md
int exitCode(const Status &status);

/// As C interfaces want what was not given.
const char *orNull(const std::string &text);

/// Prints to standard output; main looks once whether all of it arrived.
void printOut(std::string_view text);

/// Three digits, in the unit that suits: "61.3 KB".
std::string bytesText(double bytes);

/// "1 kernel", "2 kernels".
std::string countText(size_t count, const char *what);

/// Prints "nybl: message" as one line on stderr if there is an error.
int report(const Status &status);

/// What --device names.
struct DeviceChoice {
  std::string driver;       ///< path of the driver library; empty: the real one
  std::string emulatedChip; ///< "sm_120a"; empty: not emu:
  int ordinal = 0;
};

/// "emu:CHIP" or "cuda:N"; NYBL_DRIVER in the environment replaces the driver.
/// Sets NYBL_EMU_CHIP for emu:. Errors: Invalid.
Expected<DeviceChoice> chooseDevice(const std::string &text);

/// The emulated driver of this build, installed beside the command.
std::string emulatedDriverPath();

/// Each adds its verb to the command; `code` becomes the exit code when it
/// runs.
void addCompile(CLI::App &app, int &code);
void addRun(CLI::App &app, int &code);
void addProve(CLI::App &app, int &code);
void addExplain(CLI::App &app, int &code);
void addBundle(CLI::App &app, int &code);
void addInspect(CLI::App &app, int &code);
void addCache(CLI::App &app, int &code);
void addTune(CLI::App &app, int &code);
void addVerifySass(CLI::App &app, int &code);
void addDoctor(CLI::App &app, int &code);

/// Makes `verb` first contact: of the command, or a program of its own, whose
/// kernels are in `bundle`.
void addFirstContact(CLI::App &verb, int &code, const std::string &bundle = "");

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_COMMAND_H
