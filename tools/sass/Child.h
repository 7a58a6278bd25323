// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Another program, run without a shell and without temporary files.
#ifndef NYBL_TOOLS_SASS_CHILD_H
#define NYBL_TOOLS_SASS_CHILD_H

#include <string>
#include <string_view>
#include <vector>

namespace nybl::sass {

/// A file in memory, which a child finds by path and which nothing outlives.
class Scratch {
public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch &) = delete;
  Scratch &operator=(const Scratch &) = delete;

  std::string path() const;
  bool write(std::string_view bytes);
  std::string read() const;

private:
  int file;
};

struct Outcome {
  int code; ///< 127 and -1: did not run, or did not end by itself
  std::string out, err;
};

/// Waits for its end; a child that is still there after `seconds` is killed,
/// and `err` begins with the reason, as with any child that a signal ends.
Outcome runChild(const std::string &path, std::vector<std::string> arguments,
                 int seconds = 300);

} // namespace nybl::sass

#endif // NYBL_TOOLS_SASS_CHILD_H
