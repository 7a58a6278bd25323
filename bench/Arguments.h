// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What benches have in common on their command lines and at their ends.
#ifndef NYBL_BENCH_ARGUMENTS_H
#define NYBL_BENCH_ARGUMENTS_H

#include "runtime/Abi/Status.h"
#include <fmt/format.h>
#include <map>
#include <string>

namespace nybl {

/// "--name VALUE" for each name of `texts`, and --json. `expected` says which
/// there are, for the message. Errors: Invalid.
inline Status readArguments(int argc, char **argv,
                            const std::map<std::string, std::string *> &texts,
                            bool &isJson, const char *expected) {
  for (int i = 1; i < argc; ++i) {
    auto found = texts.find(argv[i]);
    if (std::string(argv[i]) == "--json")
      isJson = true;
    else if (found == texts.end() || i + 1 == argc)
      return Status::invalid(fmt::format(
          "expected {} with a value, or --json, got '{}'", expected, argv[i]));
    else
      *found->second = argv[++i];
  }
  return Status::ok();
}

/// Of a program whose refusals (1) are failed checks: 0, 2 for bad arguments,
/// 3 for the environment.
inline int exitCode(const char *program, const Status &status) {
  if (status)
    return 0;
  fmt::print(stderr, "{}: {}\n", program, status.message());
  return status.code() == ErrorCode::Invalid   ? 2
         : status.code() == ErrorCode::Refused ? 1
                                               : 3;
}

} // namespace nybl

#endif // NYBL_BENCH_ARGUMENTS_H
