// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Environment variables, as far as whoever set them may decide.
#ifndef NYBL_RUNTIME_SUPPORT_ENVIRONMENT_H
#define NYBL_RUNTIME_SUPPORT_ENVIRONMENT_H

#include <cstdlib>
#include <string>
#include <sys/auxv.h>
#include <unistd.h>

namespace nybl {

/// More rights than the user who set the environment, as in a setuid program or
/// one with capabilities, or since.
inline bool hasRaisedRights() {
  return getauxval(AT_SECURE) != 0 || getuid() != geteuid() ||
         getgid() != getegid();
}

/// The variable's text; empty where it is not set, or rights are raised: then
/// it could have such a process load code, run programs or write files.
inline std::string environmentVariable(const char *name) {
  const char *value = hasRaisedRights() ? nullptr : std::getenv(name);
  return value ? value : "";
}

} // namespace nybl

#endif // NYBL_RUNTIME_SUPPORT_ENVIRONMENT_H
