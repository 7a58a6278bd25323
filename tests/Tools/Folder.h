// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A folder of its own for one test, and whole files.
#ifndef NYBL_TESTS_TOOLS_FOLDER_H
#define NYBL_TESTS_TOOLS_FOLDER_H

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace nybl::tests {

/// Removed at the end.
class Folder {
public:
  Folder() {
    std::string name =
        std::filesystem::temp_directory_path() / "nybl-test-XXXXXX";
    path = mkdtemp(name.data()) ? name : "";
  }
  ~Folder() {
    std::error_code error;
    if (!path.empty())
      std::filesystem::remove_all(path, error);
  }
  Folder(const Folder &) = delete;
  Folder &operator=(const Folder &) = delete;
  std::string operator/(const std::string &name) const {
    return path + "/" + name;
  }
  /// Names in the folder, or in one that is in it; sorted.
  std::vector<std::string> files(const std::string &inner = "") const {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto &entry :
         std::filesystem::directory_iterator(path + "/" + inner, error))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

private:
  std::string path;
};

inline std::string contentOf(const std::string &file) {
  std::ifstream in(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

inline void writeText(const std::string &file, const std::string &text) {
  std::ofstream(file, std::ios::binary) << text;
}

} // namespace nybl::tests

#endif // NYBL_TESTS_TOOLS_FOLDER_H
