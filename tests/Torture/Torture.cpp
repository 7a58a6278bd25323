// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Many processes with many threads on one folder of the cache, while some of
// them are killed at any moment, files are damaged, swapped, cut off and
// replaced, clocks differ and the disk is full. No wrong kernel may be served,
// nobody may crash or hang, and who is not killed finishes. Prints counts.
//
//   nybl_torture --seconds 3 --processes 8 --threads 4 [--seed 1] [--forge]
//
// --forge puts a kernel that is wrong, and whole, under the right name, which
// nothing can tell: then finding it is what is right (the check can fail).

#include "runtime/Abi/Problem.h"
#include "runtime/Library/Artefacts.h"
#include "runtime/Support/File.h"
#include "tests/Tools/Folder.h"
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <map>
#include <random>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace nybl;
using Clock = std::chrono::steady_clock;

namespace {

struct Options {
  int seconds = 3, processes = 8, threads = 4;
  unsigned seed = 1;
  bool forge = false;
  // Of a process that the first one starts.
  std::string worker; ///< folder of all files
  int64_t endsAt = 0; ///< by the steady clock, in milliseconds
};

constexpr int kernelCount = 12;
constexpr int wrongKernel = 99; ///< exit code

std::string problemOf(int i) {
  return print(
      *parseProblem(fmt::format("gemm m=? n={} k=64 d=f32", 8 * (i + 1))));
}

int64_t milliseconds() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             Clock::now().time_since_epoch())
      .count();
}

//===----------------------------------------------------------------------===//
// A process that asks for kernels
//===----------------------------------------------------------------------===//

struct Counts {
  std::atomic<uint64_t> asked{0}, hits{0}, compiled{0}, failed{0}, wrong{0},
      unwritten{0}, passedOver{0};
};

library::Wish wishOf(int i, const std::string &ptxas) {
  library::Wish wish;
  wish.problemClass = problemOf(i);
  wish.chip = "sm_120a";
  wish.ptxas = ptxas.c_str();
  return wish;
}

/// What each kernel must be: compiled here, without the cache.
std::vector<bundle::Kernel> rightKernels(const std::string &ptxas) {
  cache::Settings off;
  library::Artefacts compiler(NYBL_TEST_FAKE_JIT, off, [](auto...) {});
  std::vector<bundle::Kernel> kernels;
  for (int i = 0; i < kernelCount; ++i) {
    auto made = compiler.make(wishOf(i, ptxas));
    if (!made) {
      fmt::print(stderr, "torture: {}\n", made.message());
      _exit(1);
    }
    kernels.push_back(std::move(made->kernel));
  }
  return kernels;
}

void ask(library::Artefacts &artefacts, const std::string &ptxas,
         const std::vector<bundle::Kernel> &right, unsigned seed,
         int64_t endsAt, Counts &counts) {
  std::mt19937 random(seed);
  while (milliseconds() < endsAt) {
    int i = int(random() % kernelCount);
    auto made = artefacts.make(wishOf(i, ptxas));
    ++counts.asked;
    if (!made) {
      ++counts.failed;
      fmt::print(stderr, "torture: {}\n", made.message());
      continue;
    }
    ++(made->origin == "cache" ? counts.hits : counts.compiled);
    const bundle::Kernel &got = made->kernel;
    counts.wrong += got.request != right[i].request ||
                    got.manifest != right[i].manifest ||
                    got.ptx != right[i].ptx || got.cubin != right[i].cubin;
  }
}

/// Some have hardly any disk, some hardly any cache.
cache::Settings settingsOf(const Options &options) {
  cache::Settings settings;
  settings.tiers = {options.worker + "/cache"};
  if (options.seed % 3 == 1)
    settings.limit = 40000;
  if (options.seed % 4 == 2) {
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit small = {options.seed % 7000, options.seed % 7000};
    setrlimit(RLIMIT_FSIZE, &small);
  }
  return settings;
}

int work(const Options &options) {
  std::string ptxas = options.worker + "/ptxas";
  auto right = rightKernels(ptxas);
  int report = open((options.worker + "/report").c_str(), O_WRONLY | O_APPEND);
  Counts counts;
  library::Artefacts artefacts(
      NYBL_TEST_FAKE_JIT, settingsOf(options),
      [&](nybl_log_level, const std::string &message) {
        counts.unwritten += message.find("cannot write") != message.npos;
        counts.passedOver += message.find("is passed over") != message.npos;
      });
  std::vector<std::thread> threads;
  for (int i = 0; i < options.threads; ++i)
    threads.emplace_back([&, i] {
      ask(artefacts, ptxas, right, options.seed * 64 + unsigned(i),
          options.endsAt, counts);
    });
  for (std::thread &thread : threads)
    thread.join();
  // In one write, which no other's cuts in two. (The file is small enough for
  // those with hardly any disk, or they say nothing.)
  std::string line = fmt::format(
      "{} {} {} {} {} {} {}\n", counts.asked.load(), counts.hits.load(),
      counts.compiled.load(), counts.failed.load(), counts.wrong.load(),
      counts.unwritten.load(), counts.passedOver.load());
  if (write(report, line.data(), line.size()) < 0 && errno != EFBIG)
    return 1;
  return counts.wrong ? wrongKernel : counts.failed ? 1 : 0;
}

//===----------------------------------------------------------------------===//
// The process that starts, kills and damages
//===----------------------------------------------------------------------===//

class Torture {
public:
  Torture(const Options &options, std::string program)
      : options(options), program(std::move(program)), random(options.seed) {}
  int run();

private:
  void prepareFolder();
  void start();
  void reap(bool wait);
  void killOne();
  void damage();
  void forge();
  bool finish();
  int report() const;
  std::string file(const std::string &name) const {
    return cacheFolder + "/" + name;
  }

  Options options;
  std::string program;
  std::mt19937 random;
  tests::Folder folder;
  std::string top, cacheFolder;
  bool smallDisk = false;
  int64_t endsAt = 0;
  std::vector<pid_t> running;
  int started = 0, killed = 0, crashed = 0, wrong = 0, damaged = 0, hung = 0;
};

/// On a disk of its own that is soon full, where this process may make one.
void Torture::prepareFolder() {
  top = folder / "";
  cacheFolder = folder / "cache";
  mkdir(cacheFolder.c_str(), 0700);
  if (unshare(CLONE_NEWNS) == 0 &&
      mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0)
    smallDisk = mount("none", cacheFolder.c_str(), "tmpfs", 0,
                      "size=256k,mode=700") == 0;
  tests::writeText(top + "ptxas", "#!/bin/sh\necho 'release 13.0, V13.0.88'\n");
  chmod((top + "ptxas").c_str(), 0700);
  tests::writeText(top + "report", "");
}

void Torture::start() {
  ++started;
  pid_t child = fork();
  if (child == 0) {
    std::string seed = std::to_string(options.seed * 1000 + unsigned(started)),
                threads = std::to_string(options.threads),
                end = std::to_string(endsAt);
    execl(program.c_str(), program.c_str(), "--worker", top.c_str(), "--seed",
          seed.c_str(), "--threads", threads.c_str(), "--end", end.c_str(),
          nullptr);
    _exit(127);
  }
  if (child > 0)
    running.push_back(child);
}

/// Those that have ended.
void Torture::reap(bool wait) {
  std::erase_if(running, [&](pid_t child) {
    int status = 0;
    if (waitpid(child, &status, wait ? 0 : WNOHANG) != child)
      return false;
    if (WIFEXITED(status) && WEXITSTATUS(status) == wrongKernel)
      ++wrong;
    else if (!(WIFEXITED(status) && WEXITSTATUS(status) == 0) &&
             !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)) {
      ++crashed;
      fmt::print(stderr, "torture: a process ended with status {:#x}\n",
                 status);
    }
    return true;
  });
}

void Torture::killOne() {
  if (running.empty())
    return;
  kill(running[random() % running.size()], SIGKILL);
  ++killed;
}

/// As by a machine whose clock differs.
void setTime(const std::string &file, time_t seconds) {
  timespec at = {seconds, 0}, times[2] = {at, at};
  utimensat(AT_FDCWD, file.c_str(), times, 0);
}

void Torture::damage() {
  std::vector<std::string> names;
  for (std::string &name : folder.files("cache"))
    if (cache::kindOf(name) == cache::Kind::Entry)
      names.push_back(std::move(name));
  if (names.empty())
    return;
  std::string one = file(names[random() % names.size()]),
              two = file(names[random() % names.size()]);
  ++damaged;
  switch (random() % 10) {
  case 0: // half of it
    if (truncate(one.c_str(), off_t(random() % 6000)) != 0)
      --damaged;
    break;
  case 1:
    rename(one.c_str(), two.c_str());
    break;
  case 2: // in place, as no program should
    if (auto bytes = readFile(two))
      tests::writeText(one, *bytes);
    break;
  case 3:
    unlink(one.c_str());
    if (symlink(two.c_str(), one.c_str()) != 0)
      --damaged;
    break;
  case 4:
    unlink(one.c_str());
    mkdir(one.c_str(), 0700);
    break;
  case 5:
    setTime(one, time_t(random()));
    break;
  case 6:
    chmod(one.c_str(), 0666);
    break;
  case 7: // the work of somebody who was killed
    tests::writeText(two = one + ".1-0.tmp", std::string(random() % 9000, 'x'));
    setTime(two, 1000);
    break;
  default: // bits
    if (int open = ::open(one.c_str(), O_WRONLY | O_NOFOLLOW); open >= 0) {
      char byte = char(random());
      if (pwrite(open, &byte, 1, off_t(random() % 6000)) != 1)
        --damaged;
      close(open);
    }
  }
  // Folders in the place of entries are nobody's to remove.
  for (const std::string &name : folder.files("cache"))
    if (random() % 4 == 0)
      rmdir(file(name).c_str());
}

void Torture::forge() {
  cache::Settings settings;
  settings.tiers = {cacheFolder};
  library::Artefacts artefacts(NYBL_TEST_FAKE_JIT, settings, [](auto...) {});
  auto made = artefacts.make(wishOf(0, top + "ptxas"));
  if (!made)
    return;
  made->kernel.ptx += "// another's\n";
  cache::Cache(settings, nullptr).store(made->kernel);
}

/// Everybody ends by himself; who does not is hung.
bool Torture::finish() {
  for (int64_t last = milliseconds() + 60000;
       !running.empty() && milliseconds() < last;) {
    reap(/*wait=*/false);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  hung = int(running.size());
  for (pid_t child : running)
    kill(child, SIGKILL);
  reap(/*wait=*/true);
  return hung == 0;
}

int Torture::run() {
  prepareFolder();
  int64_t startedAt = milliseconds(), length = options.seconds * 1000;
  endsAt = startedAt + length;
  // Each lives long enough on a slow machine, and the last for a third.
  int64_t nextKill = startedAt;
  if (options.forge)
    forge();
  while (milliseconds() < endsAt) {
    while (running.size() < size_t(options.processes))
      start();
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 12));
    if (!options.forge) {
      if (int64_t time = milliseconds();
          time >= nextKill && time < endsAt - length / 3) {
        killOne();
        nextKill = time + int64_t(random() % 200);
      }
      damage();
    }
    reap(/*wait=*/false);
  }
  finish();
  return report();
}

int Torture::report() const {
  uint64_t asked = 0, hits = 0, compiled = 0, failed = 0, bad = 0,
           unwritten = 0, passedOver = 0, lines = 0;
  std::string text = tests::contentOf(top + "report");
  for (size_t begin = 0, end; (end = text.find('\n', begin)) != text.npos;
       begin = end + 1) {
    uint64_t n[7];
    if (std::sscanf(text.c_str() + begin, "%lu %lu %lu %lu %lu %lu %lu", n,
                    n + 1, n + 2, n + 3, n + 4, n + 5, n + 6) != 7)
      continue;
    ++lines;
    asked += n[0], hits += n[1], compiled += n[2], failed += n[3], bad += n[4];
    unwritten += n[5], passedOver += n[6];
  }
  size_t aside = 0;
  for (const std::string &name : folder.files("cache"))
    aside += cache::kindOf(name) == cache::Kind::Bad;
  fmt::print("{} processes of {} threads, {} of them killed; files damaged {} "
             "times{}\nof {} survivors: {} kernels asked for, {} from the "
             "cache, {} compiled, {} not written, {} damaged and passed over; "
             "{} files set aside\nwrong "
             "kernels {}, failures {}, crashes {}, hangs {}\n",
             started, options.threads, killed, damaged,
             smallDisk ? " on a disk of 256 KB" : "", lines, asked, hits,
             compiled, unwritten, passedOver, aside, bad, failed, crashed,
             hung);
  umount2(cacheFolder.c_str(), MNT_DETACH);
  if (options.forge) // one must be found, by each
    return bad > 0 && wrong > 0 && crashed == 0 && hung == 0 ? 0 : 1;
  bool happened = killed > 2 && damaged > 10 && lines > 0 && hits > 0 &&
                  compiled > 0 && passedOver > 0;
  return happened && bad + failed == 0 && wrong + crashed + hung == 0 ? 0 : 1;
}

bool parse(int argc, char **argv, Options &options) {
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    if (name == "--forge") {
      options.forge = true;
      continue;
    }
    if (++i == argc)
      return false;
    if (name == "--worker")
      options.worker = argv[i];
    else if (name == "--end")
      options.endsAt = std::atoll(argv[i]);
    else if (name == "--seconds")
      options.seconds = std::atoi(argv[i]);
    else if (name == "--processes")
      options.processes = std::atoi(argv[i]);
    else if (name == "--threads")
      options.threads = std::atoi(argv[i]);
    else if (name == "--seed")
      options.seed = unsigned(std::atoi(argv[i]));
    else
      return false;
  }
  return true;
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    fmt::print(stderr, "torture: expected --seconds N, --processes N, "
                       "--threads N, --seed N or --forge\n");
    return 2;
  }
  return options.worker.empty() ? Torture(options, argv[0]).run()
                                : work(options);
}
