// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Preloaded: Ctrl-C arrives while a file is written to the disk.
#include <csignal>
#include <unistd.h>

extern "C" __attribute__((visibility("default"))) int fsync(int) {
  kill(getpid(), SIGINT); // reaches whichever thread takes it
  for (int i = 0; i < 100; ++i)
    usleep(10000);
  return 0;
}

extern "C" __attribute__((visibility("default"))) int fdatasync(int file) {
  return fsync(file);
}
