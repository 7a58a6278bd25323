// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finding and running ptxas.

#include "compiler/Codegen/PtxAs.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include <dlfcn.h>
#include <map>
#include <mutex>
#include <optional>

using namespace nybl;
using namespace nybl::compiler;
using llvm::StringRef;

namespace {

struct Outcome {
  int code;
  std::string log; ///< standard output and standard error together
};

Expected<Outcome> runProgram(StringRef program,
                             llvm::ArrayRef<StringRef> arguments) {
  llvm::SmallString<128> log;
  if (auto error = llvm::sys::fs::createTemporaryFile("nybl-ptxas", "log", log))
    return Status::environment("no temporary file can be made: " +
                               error.message());
  auto removeLog = llvm::scope_exit([&] { llvm::sys::fs::remove(log); });
  llvm::SmallVector<StringRef> argv{program};
  argv.append(arguments.begin(), arguments.end());
  StringRef output = log;
  std::optional<StringRef> redirects[] = {StringRef(""), output, output};
  std::string why;
  int code =
      llvm::sys::ExecuteAndWait(program, argv, std::nullopt, redirects,
                                /*SecondsToWait=*/300, /*MemoryLimit=*/0, &why);
  auto text = llvm::MemoryBuffer::getFile(log);
  if (code < 0)
    return Status::environment(program.str() + " did not run: " + why);
  return Outcome{code, text ? (*text)->getBuffer().str() : std::string()};
}

/// "Cuda compilation tools, release 13.0, V13.0.88" -> "13.0.88"
std::string versionIn(StringRef log) {
  StringRef rest = log.split(", V").second;
  return rest.take_while([](char c) { return llvm::isDigit(c) || c == '.'; })
      .str();
}

std::vector<std::string> candidates(StringRef given) {
  if (!given.empty())
    return {given.str()};
  if (const char *path = std::getenv("NYBL_PTXAS"))
    return {path};
  std::vector<std::string> paths;
  if (const char *home = std::getenv("CUDA_HOME"))
    paths.push_back(std::string(home) + "/bin/ptxas");
  Dl_info self;
  if (::dladdr(reinterpret_cast<void *>(&versionIn), &self) && self.dli_fname) {
    llvm::SmallString<128> beside(self.dli_fname);
    llvm::sys::fs::make_absolute(beside);
    StringRef folder =
        llvm::sys::path::parent_path(llvm::sys::path::parent_path(beside));
    paths.push_back((folder + "/cuda/bin/ptxas").str());
  }
  paths.push_back("/usr/local/cuda/bin/ptxas");
  if (auto found = llvm::sys::findProgramByName("ptxas"))
    paths.push_back(*found);
  return paths;
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
  static std::mutex mutex;
  static std::map<std::string, std::string> versions;
  std::lock_guard<std::mutex> lock(mutex);
  std::string tried;
  for (const std::string &path : candidates(StringRef(given))) {
    tried += (tried.empty() ? "" : ", ") + path;
    if (!llvm::sys::fs::can_execute(path))
      continue;
    auto known = versions.find(path);
    if (known == versions.end()) {
      Expected<Outcome> outcome = runProgram(path, {"--version"});
      std::string version = outcome ? versionIn(outcome->log) : std::string();
      if (version.empty())
        return Status::environment("expected ptxas at " + path +
                                   ", but it does not print a version");
      known = versions.emplace(path, version).first;
    }
    return PtxAs{path, known->second};
  }
  return Status::environment(
      "no ptxas was found at " + tried +
      "; install CUDA's ptxas, or name it with NYBL_PTXAS or --ptxas");
}

std::vector<std::string> nybl::compiler::ptxasArguments(std::string_view chip) {
  return {"-v", "-arch=" + std::string(chip)};
}

Expected<Cubin> nybl::compiler::assemble(const PtxAs &ptxas,
                                         std::string_view ptx,
                                         std::string_view chip) {
  llvm::SmallString<128> folder;
  if (auto error = llvm::sys::fs::createUniqueDirectory("nybl-ptxas", folder))
    return Status::environment("no temporary folder can be made: " +
                               error.message());
  auto removeFolder =
      llvm::scope_exit([&] { llvm::sys::fs::remove_directories(folder); });
  std::string source = (folder + "/kernel.ptx").str();
  std::string target = (folder + "/kernel.cubin").str();
  std::error_code error;
  {
    llvm::raw_fd_ostream file(source, error);
    file << StringRef(ptx);
    file.close();
    if (error || file.has_error())
      return Status::environment("cannot write " + source);
  }
  std::vector<std::string> options = ptxasArguments(chip);
  llvm::SmallVector<StringRef> arguments(options.begin(), options.end());
  arguments.append({source, "-o", target});
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
  auto image = llvm::MemoryBuffer::getFile(target);
  if (!image)
    return Status::environment("ptxas left no cubin at " + target);
  StringRef log = outcome->log;
  return Cubin{(*image)->getBuffer().str(), numberBefore(log, " registers"),
               numberBefore(log, " bytes spill stores") +
                   numberBefore(log, " bytes spill loads"),
               numberBefore(log, " bytes smem")};
}
