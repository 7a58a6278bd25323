// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Asks the kernel which file this code was mapped from. The dynamic linker
// knows the name that somebody gave: a relative one means another file once the
// current folder changes, and a program's own is what its caller chose.

#include "runtime/Support/OwnFolder.h"
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <mutex>

namespace {

/// "begin-end rights offset device inode  /folder/file"; empty where the line
/// is of other addresses, or of no file.
std::string folderIn(const std::string &line, uintptr_t address) {
  unsigned long long begin = 0, end = 0;
  if (std::sscanf(line.c_str(), "%llx-%llx", &begin, &end) != 2 ||
      address < begin || address >= end)
    return "";
  size_t path = line.find('/'), slash = line.rfind('/');
  return path == line.npos ? "" : line.substr(path, slash - path);
}

std::string find() {
  std::ifstream maps("/proc/self/maps");
  auto address = reinterpret_cast<uintptr_t>(&find);
  std::string folder;
  for (std::string line; folder.empty() && std::getline(maps, line);)
    folder = folderIn(line, address);
  return folder;
}

} // namespace

std::string nybl::ownFolder() {
  static std::mutex mutex;
  static std::string known;
  std::lock_guard lock(mutex);
  if (known.empty())
    known = find();
  return known;
}
