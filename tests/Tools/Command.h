// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs the command as a user does, and catches what it says.
#ifndef NYBL_TESTS_TOOLS_COMMAND_H
#define NYBL_TESTS_TOOLS_COMMAND_H

#include <map>
#include <string>
#include <vector>

namespace nybl::tests {

struct Outcome {
  int code = -1; ///< exit code; 128 + signal if it was ended by one
  std::string out, err;
};

/// The command of this build with these arguments. Variables of `environment`
/// are added; an empty value removes one.
Outcome nyblCommand(const std::vector<std::string> &arguments,
                    const std::map<std::string, std::string> &environment = {});

/// A folder of its own for one test, removed at the end.
class Folder {
public:
  Folder();
  ~Folder();
  Folder(const Folder &) = delete;
  Folder &operator=(const Folder &) = delete;
  std::string operator/(const std::string &name) const {
    return path + "/" + name;
  }
  /// Names in the folder, sorted.
  std::vector<std::string> files() const;

private:
  std::string path;
};

std::string contentOf(const std::string &file);
void writeText(const std::string &file, const std::string &text);

} // namespace nybl::tests

#endif // NYBL_TESTS_TOOLS_COMMAND_H
