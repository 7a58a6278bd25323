// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The most memory that this process and all that it has started hold at a time.
#ifndef NYBL_BENCH_MEMORYWATCH_H
#define NYBL_BENCH_MEMORYWATCH_H

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <sys/prctl.h>
#include <thread>
#include <unistd.h>

namespace nybl {

/// Looks every 25 ms, as long as it lives. What two processes share counts
/// once. Processes of the name `except` do not count. Adopts those that lose
/// their parent.
class MemoryWatch {
public:
  explicit MemoryWatch(std::string except) : except(std::move(except)) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    thread = std::thread([this] {
      while (!isOver) {
        most = std::max(most.load(), sum());
        std::this_thread::sleep_for(std::chrono::milliseconds(25));
      }
    });
  }
  ~MemoryWatch() {
    isOver = true;
    thread.join();
  }
  MemoryWatch(const MemoryWatch &) = delete;
  MemoryWatch &operator=(const MemoryWatch &) = delete;

  int64_t mostBytes() const { return most; }

private:
  struct Process {
    std::string name;
    int parent = 0;
  };

  /// From "42 (name) S 1 ...".
  static Process read(const std::filesystem::path &folder) {
    std::ifstream file(folder / "stat");
    std::string text(std::istreambuf_iterator<char>(file), {});
    size_t begin = text.find('('), end = text.rfind(')');
    if (begin == text.npos || end == text.npos || end + 4 > text.size())
      return {};
    return {text.substr(begin + 1, end - begin - 1),
            std::atoi(text.c_str() + end + 4)};
  }
  static int64_t bytesOf(int process) {
    std::ifstream file("/proc/" + std::to_string(process) + "/smaps_rollup");
    for (std::string line; std::getline(file, line);)
      if (line.rfind("Pss:", 0) == 0)
        return std::atoll(line.c_str() + 4) * 1024;
    return 0;
  }
  int64_t sum() const {
    std::map<int, Process> all;
    std::error_code error;
    for (const auto &entry :
         std::filesystem::directory_iterator("/proc", error))
      if (int number = std::atoi(entry.path().filename().c_str()))
        all[number] = read(entry.path());
    int64_t bytes = 0;
    for (const auto &[number, process] : all) {
      int ancestor = number;
      while (ancestor > 1 && ancestor != getpid())
        ancestor = all[ancestor].parent;
      if (ancestor == getpid() && process.name != except)
        bytes += bytesOf(number);
    }
    return bytes;
  }

  std::string except;
  std::thread thread;
  std::atomic<bool> isOver = false;
  std::atomic<int64_t> most = 0;
};

} // namespace nybl

#endif // NYBL_BENCH_MEMORYWATCH_H
