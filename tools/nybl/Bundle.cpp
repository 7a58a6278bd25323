// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl bundle: problems times chips to one file. Needs no driver and no GPU.

#include "runtime/Library/Artefacts.h"
#include "tools/nybl/Command.h"
#include "tools/nybl/Files.h"
#include "tools/nybl/ProblemFile.h"
#include "tools/nybl/Progress.h"
#include <CLI/CLI.hpp>
#include <atomic>
#include <condition_variable>
#include <fmt/format.h>
#include <set>
#include <thread>

using namespace nybl;
using namespace nybl::cli;

namespace {

struct Options {
  std::string problems, out = "kernels.nybl", schedule, templateFile, ptxas,
                        jit;
  std::vector<std::string> chips;
  unsigned jobs = 0;
};

/// Problem classes, sorted, each once.
Expected<std::set<std::string>> readClasses(const std::string &path) {
  auto problems = readProblems(path);
  if (!problems)
    return problems.status();
  std::set<std::string> classes;
  for (const AnyProblem &problem : *problems)
    classes.insert(print(specialise(problem)));
  return classes;
}

/// Compiles some kernels, several at a time.
class Work {
public:
  Work(const Options &options, std::optional<std::string> templateText)
      : options(options), templateText(std::move(templateText)),
        artefacts(options.jit, cache::Settings::find(nullptr),
                  [this](nybl_log_level level, const std::string &message) {
                    if (level == NYBL_LOG_WARNING)
                      warn(message);
                  }) {}

  Status run(const std::set<std::string> &classes);
  const std::vector<bundle::Kernel> &kernels() const { return made; }
  size_t fromCache() const { return cached; }

private:
  void warn(const std::string &message) {
    std::lock_guard lock(mutex);
    warnings.insert(message);
  }
  void makeOne(const std::string &problem, const std::string &chip);
  void loop(const std::vector<std::pair<std::string, std::string>> &wanted);

  const Options &options;
  std::optional<std::string> templateText;
  std::mutex mutex; ///< of all below
  std::condition_variable changed;
  std::set<std::string> warnings; ///< each is printed once
  std::vector<bundle::Kernel> made;
  size_t cached = 0, next = 0, working = 0;
  Status outcome;
  library::Artefacts artefacts; ///< the last, since it logs
};

void Work::makeOne(const std::string &problem, const std::string &chip) {
  library::Wish wish;
  wish.problemClass = problem;
  wish.chip = chip;
  wish.schedule = orNull(options.schedule);
  wish.templateText = templateText ? templateText->c_str() : nullptr;
  wish.ptxas = orNull(options.ptxas);
  auto artefact = artefacts.make(wish);
  Status status = artefact.status();
  if (artefact)
    if (std::string lemmas = artefact->manifest.certificate.unproven();
        !lemmas.empty())
      status = Status::error(
          ErrorCode::Unproven,
          fmt::format("a bundle holds kernels with a complete certificate "
                      "alone, but nobody has proven {}",
                      lemmas));
  std::lock_guard lock(mutex);
  if (!status && outcome)
    outcome =
        Status::error(status.code(), fmt::format("'{}' for {}: {}", problem,
                                                 chip, status.message()));
  if (!status)
    return;
  cached += artefact->origin == "cache";
  made.push_back(std::move(artefact->kernel));
}

void Work::loop(
    const std::vector<std::pair<std::string, std::string>> &wanted) {
  std::unique_lock lock(mutex);
  while (next < wanted.size() && outcome) {
    const auto &[problem, chip] = wanted[next++];
    lock.unlock();
    makeOne(problem, chip);
    lock.lock();
  }
  --working;
  changed.notify_all();
}

Status Work::run(const std::set<std::string> &classes) {
  std::set<std::string> chips(options.chips.begin(), options.chips.end());
  std::vector<std::pair<std::string, std::string>> wanted;
  for (const std::string &problem : classes)
    for (const std::string &chip : chips)
      wanted.emplace_back(problem, chip);
  size_t jobs = options.jobs
                    ? options.jobs
                    : std::max(1u, std::thread::hardware_concurrency());
  working = std::min(jobs, wanted.size());
  std::vector<std::thread> threads;
  for (size_t i = 0, count = working; i < count; ++i)
    threads.emplace_back([&] { loop(wanted); });
  {
    Progress progress("kernels", wanted.size());
    std::unique_lock lock(mutex);
    while (working > 0) {
      changed.wait_for(lock, std::chrono::milliseconds(200));
      progress.show(made.size());
    }
  }
  for (std::thread &thread : threads)
    thread.join();
  for (const std::string &message : warnings)
    std::fprintf(stderr, "nybl: warning: %s\n", message.c_str());
  return outcome;
}

Status runBundle(const Options &options) {
  // Before the compiler is loaded: bad input is bad input, compiler or not.
  auto classes = readClasses(options.problems);
  if (!classes)
    return classes.status();
  auto templateText = readTemplate(options.templateFile);
  if (!templateText)
    return templateText.status();
  Work work(options, std::move(*templateText));
  if (Status status = work.run(*classes); !status)
    return status;
  auto bytes = bundle::write(work.kernels());
  if (!bytes)
    return bytes.status();
  if (Status status = writeOutput(options.out, *bytes); !status)
    return status;
  printOut(fmt::format("{} in {} ({}), {} from the cache\n",
                       countText(work.kernels().size(), "kernel"), options.out,
                       bytesText(double(bytes->size())), work.fromCache()));
  return Status::ok();
}

} // namespace

void nybl::cli::addBundle(CLI::App &app, int &code) {
  auto options = std::make_shared<Options>();
  CLI::App *verb = app.add_subcommand(
      "bundle",
      "Compile the kernels of some problems into one file, which serves "
      "nybl_prepare without a compiler (nybl_library_options.bundle_path)\n"
      "The same kernels give the same bytes. llvm-offload-binary reads it "
      "too.");
  verb->add_option("problems", options->problems,
                   "a file with a problem line on each line (# begins a "
                   "comment), or - for standard input")
      ->required();
  verb->add_option("--chips", options->chips,
                   "full chip names, separated by commas, as sm_120a,sm_121a")
      ->required()
      ->delimiter(',');
  verb->add_option("-o,--out", options->out, "the file to write")
      ->capture_default_str()
      ->check(expectFileName);
  verb->add_option("--schedule", options->schedule,
                   "\"key=value ...\", of all of them; without it one is "
                   "chosen for each");
  verb->add_option("--template", options->templateFile,
                   "a file with a kernel in the Tile dialect, for all of them; "
                   "without it the built-in one")
      ->check(expectFileName);
  verb->add_option("--jobs", options->jobs,
                   "how many to compile at a time; without it one a core")
      ->check(CLI::Range(1u, 1024u));
  verb->add_option("--ptxas", options->ptxas, "path of ptxas");
  verb->add_option("--jit", options->jit, "path of libnybl_jit.so");
  verb->callback([options, &code] { code = report(runBundle(*options)); });
}
