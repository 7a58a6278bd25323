// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finding and running ptxas.

#include "compiler/Codegen/PtxAs.h"
#include "runtime/Support/OwnFolder.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include <cerrno>
#include <fcntl.h>
#include <optional>
#include <sys/mman.h>
#include <sys/personality.h>
#include <unistd.h>

using namespace nybl;
using namespace nybl::compiler;
using llvm::StringRef;

namespace {

struct Outcome {
  int code;
  std::string log; ///< standard output and standard error together
};

/// A file in memory that a child process finds by path. Nothing of it is left,
/// however this process ends. Its number is none of the standard streams', even
/// where those are closed, and no child inherits it.
class MemoryFile {
public:
  MemoryFile() {
    int file = ::memfd_create("nybl-ptxas", MFD_CLOEXEC);
    handle = file < 0 ? file : ::fcntl(file, F_DUPFD_CLOEXEC, 3);
    if (file >= 0)
      ::close(file);
  }
  ~MemoryFile() {
    if (handle >= 0)
      ::close(handle);
  }
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;

  bool isOpen() const { return handle >= 0; }
  std::string path() const {
    return "/proc/" + std::to_string(::getpid()) + "/fd/" +
           std::to_string(handle);
  }
  bool write(std::string_view bytes) {
    llvm::raw_fd_ostream file(handle, /*shouldClose=*/false);
    file << StringRef(bytes);
    file.flush();
    bool good = !file.has_error();
    file.clear_error();
    return good;
  }
  std::string read() const {
    auto bytes = llvm::MemoryBuffer::getFile(path());
    return bytes ? (*bytes)->getBuffer().str() : std::string();
  }

private:
  int handle = -1;
};

/// Children of this thread get the same addresses each time, where the system
/// allows to ask for it: ptxas 13.0 puts uniform registers of sm_100a in an
/// order that goes by its own addresses, so that the same PTX gave one of two
/// cubins.
class SteadyAddresses {
public:
  SteadyAddresses() : before(::personality(asked)) {
    if (before != -1)
      ::personality(static_cast<unsigned long>(before) | ADDR_NO_RANDOMIZE);
  }
  ~SteadyAddresses() {
    if (before != -1)
      ::personality(static_cast<unsigned long>(before));
  }
  SteadyAddresses(const SteadyAddresses &) = delete;
  SteadyAddresses &operator=(const SteadyAddresses &) = delete;

private:
  static constexpr unsigned long asked = 0xffffffff; ///< changes nothing
  int before;
};

Status noMemoryFile() {
  return Status::environment(
      "no file in memory can be made: " +
      std::error_code(errno, std::generic_category()).message());
}

Expected<Outcome> runProgram(StringRef program,
                             llvm::ArrayRef<StringRef> arguments) {
  MemoryFile log;
  if (!log.isOpen())
    return noMemoryFile();
  llvm::SmallVector<StringRef> argv{program};
  argv.append(arguments.begin(), arguments.end());
  std::string path = log.path();
  StringRef output = path;
  std::optional<StringRef> redirects[] = {StringRef(""), output, output};
  std::string why;
  SteadyAddresses steady;
  int code =
      llvm::sys::ExecuteAndWait(program, argv, std::nullopt, redirects,
                                /*SecondsToWait=*/300, /*MemoryLimit=*/0, &why);
  if (code < 0)
    return Status::environment(program.str() + " did not run: " + why);
  return Outcome{code, log.read()};
}

int numberBefore(StringRef log, StringRef words) {
  size_t at = log.find(words);
  if (at == StringRef::npos)
    return 0;
  StringRef digits = log.take_front(at).rtrim();
  size_t begin = digits.find_last_not_of("0123456789");
  int number = 0;
  digits.drop_front(begin == StringRef::npos ? 0 : begin + 1)
      .getAsInteger(10, number);
  return number;
}

std::string firstError(StringRef log) {
  for (StringRef line : llvm::split(log, '\n'))
    if (line.contains("error") || line.contains("fatal"))
      return line.trim().str();
  return log.split('\n').first.str();
}

} // namespace

Expected<PtxAs> nybl::compiler::findPtxAs(std::string_view given) {
  std::string folder = ownFolder();
  return nybl::findPtxAs(std::string(given),
                         folder.empty() ? "" : folder + "/libnybl_jit.so");
}

std::vector<std::string> nybl::compiler::ptxasArguments(std::string_view chip) {
  return {"-v", "-arch=" + std::string(chip)};
}

Expected<Cubin> nybl::compiler::assemble(const PtxAs &ptxas,
                                         std::string_view ptx,
                                         std::string_view chip) {
  MemoryFile source, target;
  if (!source.isOpen() || !target.isOpen())
    return noMemoryFile();
  if (!source.write(ptx))
    return Status::environment("the PTX does not fit into a file in memory");
  std::vector<std::string> options = ptxasArguments(chip);
  llvm::SmallVector<StringRef> arguments(options.begin(), options.end());
  std::string from = source.path(), to = target.path();
  arguments.append({from, "-o", to});
  Expected<Outcome> outcome = runProgram(ptxas.path, arguments);
  if (!outcome)
    return outcome.status();
  if (outcome->code != 0)
    return Status::environment("ptxas " + ptxas.version +
                               " refused the PTX: " + firstError(outcome->log) +
                               "; repeat with: nybl compile ... --emit ptx -o "
                               "kernel.ptx && " +
                               ptxas.path + " " + llvm::join(options, " ") +
                               " kernel.ptx");
  std::string image = target.read();
  if (image.empty())
    return Status::environment("ptxas " + ptxas.version + " left no cubin");
  StringRef log = outcome->log;
  std::string version = ptxasVersionIn(image);
  return Cubin{std::move(image), numberBefore(log, " registers"),
               numberBefore(log, " bytes spill stores") +
                   numberBefore(log, " bytes spill loads"),
               numberBefore(log, " bytes smem"), std::move(version)};
}
