// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl bundle: problems times chips to one file. Needs no driver and no GPU.

#include "runtime/Abi/RowClasses.h"
#include "runtime/Library/Artefacts.h"
#include "runtime/Library/Provider.h"
#include "tools/nybl/Command.h"
#include "tools/nybl/Files.h"
#include "tools/nybl/ProblemFile.h"
#include "tools/nybl/Progress.h"
#include "tools/nybl/TunedKernels.h"
#include <CLI/CLI.hpp>
#include <algorithm>
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
                        jit, tuneFile;
  std::vector<std::string> chips, gpus;
  unsigned jobs = 0;
  bool wherePossible = false;
  bool allClasses = false;
  bool noGeneric = false;
};

/// Problem classes, sorted, each once; with those of the generic kernels, one
/// for each set of formats and layouts among the products. A schedule or a
/// template that is asked for is not for them.
Expected<std::set<std::string>> readClasses(const Options &options) {
  bool withGeneric = !options.noGeneric && options.schedule.empty() &&
                     options.templateFile.empty();
  auto problems = readProblems(options.problems);
  if (!problems)
    return problems.status();
  std::set<std::string> classes;
  for (const AnyProblem &problem : *problems) {
    for (const AnyProblem &part :
         options.allClasses ? partsByClass(problem) : std::vector{problem})
      classes.insert(print(specialise(part)));
    if (auto *gemm = std::get_if<GemmProblem>(&problem); gemm && withGeneric)
      classes.insert(print(genericClass(*gemm)));
  }
  return classes;
}

/// What the tune file chooses, if there is one.
using Tuned = std::optional<TunedKernels>;

Expected<Tuned> readTuned(const Options &options) {
  if (options.tuneFile.empty())
    return options.gpus.empty()
               ? Expected<Tuned>(std::nullopt)
               : Status::invalid(
                     "--gpu: expected a tune file by --tuned, whose "
                     "records are chosen by it, got none");
  auto tuned = TunedKernels::read(options.tuneFile,
                                  {options.chips.begin(), options.chips.end()},
                                  options.gpus);
  return tuned ? Expected<Tuned>(std::move(*tuned)) : tuned.status();
}

/// Compiles some kernels, several at a time.
class Work {
public:
  Work(const Options &options, std::optional<std::string> templateText,
       Tuned tuned, library::CompileSettings compiling)
      : options(options), templateText(std::move(templateText)),
        tuned(std::move(tuned)),
        artefacts(
            options.jit, cache::Settings::find(nullptr),
            [this](nybl_log_level level, const std::string &message) {
              if (level == NYBL_LOG_WARNING)
                warn(message);
            },
            compiling) {}

  Status run(const std::set<std::string> &classes);
  const std::vector<bundle::Kernel> &kernels() const { return made; }
  /// What a chip has no schedule for, and why.
  const std::set<std::string> &refused() const { return leftOut; }
  size_t fromCache() const { return cached; }
  size_t fromRecords() const {
    return static_cast<size_t>(
        std::count_if(made.begin(), made.end(), [](const bundle::Kernel &k) {
          return !k.tuned.empty();
        }));
  }

private:
  void warn(const std::string &message) {
    std::lock_guard lock(mutex);
    warnings.insert(message);
  }
  void makeOne(const std::string &problem, const std::string &chip);
  bool isWithout(const library::Wish &wish) const;
  void loop(const std::vector<std::pair<std::string, std::string>> &wanted);

  const Options &options;
  std::optional<std::string> templateText;
  Tuned tuned;
  std::mutex mutex; ///< of all below
  std::condition_variable changed;
  std::set<std::string> warnings; ///< each is printed once
  std::set<std::string> leftOut;
  std::vector<bundle::Kernel> made;
  size_t cached = 0, next = 0, working = 0;
  Status outcome;
  library::Artefacts artefacts; ///< the last, since it logs
};

/// The kernel that was timed is what is asked for by no schedule.
Status takeChoice(const tune::Choice &choice, library::Artefact &artefact) {
  if (artefact.manifest.key != choice.kernel)
    return Status::refused(fmt::format(
        "the tune file's '{}' was timed as kernel {:.12}, and is kernel {:.12} "
        "here (another compiler, ptxas or template): run `nybl tune` anew",
        choice.schedule, choice.kernel, artefact.manifest.key));
  artefact.kernel.request.schedule.clear();
  artefact.kernel.tuned = choice.reason;
  return Status::ok();
}

/// Of all that is refused, what the choice of a schedule refuses: no kernel is
/// to be had there. What a proof, a check or a record says no to is a fault.
bool Work::isWithout(const library::Wish &wish) const {
  auto provider = library::Provider::load(options.jit);
  if (!provider)
    return false;
  NyblExplainRequest request = {};
  request.problem = wish.problemClass.c_str();
  request.chip = wish.chip.c_str();
  request.schedule = orNull(options.schedule);
  return provider->explain(request).status().code() == ErrorCode::Refused;
}

void Work::makeOne(const std::string &problem, const std::string &chip) {
  library::Wish wish;
  wish.problemClass = problem;
  wish.chip = chip;
  auto choice = tuned ? tuned->choose(problem, chip) : std::nullopt;
  wish.schedule = orNull(choice ? choice->schedule : options.schedule);
  wish.templateText = templateText ? templateText->c_str() : nullptr;
  wish.ptxas = orNull(options.ptxas);
  auto artefact = artefacts.make(wish);
  Status status = artefact.status();
  bool without = status.code() == ErrorCode::Refused && options.wherePossible &&
                 isWithout(wish);
  if (artefact)
    if (std::string lemmas = artefact->manifest.certificate.unproven();
        !lemmas.empty())
      status = Status::error(
          ErrorCode::Unproven,
          fmt::format("a bundle holds kernels with a complete certificate "
                      "alone, but nobody has proven {}",
                      lemmas));
  if (status && choice)
    status = takeChoice(*choice, *artefact);
  std::lock_guard lock(mutex);
  if (without) {
    leftOut.insert(
        fmt::format("'{}' for {}: {}", problem, chip, status.message()));
    return;
  }
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
      progress.show(made.size() + leftOut.size());
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
  auto classes = readClasses(options);
  if (!classes)
    return classes.status();
  auto templateText = readTemplate(options.templateFile);
  if (!templateText)
    return templateText.status();
  auto tuned = readTuned(options);
  if (!tuned)
    return tuned.status();
  auto compiling = library::CompileSettings::find(NYBL_COMPILE_DEFAULT, 0);
  if (!compiling)
    return compiling.status();
  Work work(options, std::move(*templateText), std::move(*tuned), *compiling);
  if (Status status = work.run(*classes); !status)
    return status;
  for (const std::string &one : work.refused())
    printOut("left out " + one + "\n");
  if (work.kernels().empty())
    return Status::refused("expected a kernel at least, all are left out");
  auto bytes = bundle::write(work.kernels());
  if (!bytes)
    return bytes.status();
  if (Status status = writeOutput(options.out, *bytes); !status)
    return status;
  printOut(fmt::format("{} in {} ({}), {} from the cache\n",
                       countText(work.kernels().size(), "kernel"), options.out,
                       bytesText(double(bytes->size())), work.fromCache()));
  if (!options.tuneFile.empty())
    printOut(fmt::format("{} as the records of {} have them, {} without a "
                         "record, chosen as ever\n",
                         work.fromRecords(), options.tuneFile,
                         work.kernels().size() - work.fromRecords()));
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
  verb->add_option("--tuned", options->tuneFile,
                   "a tune file: its records choose the schedule of each "
                   "problem that they know, for all M of its class; the table "
                   "says so")
      ->check(expectFileName)
      ->excludes("--schedule")
      ->excludes("--template");
  verb->add_option("--gpu", options->gpus,
                   "the GPU whose records count, by its name in the tune file; "
                   "once a chip, where there are several of one chip")
      ->allow_extra_args(false);
  verb->add_flag("--where-possible", options->wherePossible,
                 "leave out what a chip has no schedule for, and say so");
  verb->add_flag("--no-generic", options->noGeneric,
                 "leave out the generic kernels: of each gemm's formats and "
                 "layouts one of any n and k, which serves a plan whose own "
                 "kernel is not in the bundle; not made with --schedule and "
                 "--template anyway");
  verb->add_flag("--all-classes", options->allClasses,
                 "of each problem a kernel for each class of M that its range "
                 "meets, five of m=? (nybl_prepare_options.all_classes)");
  verb->add_option("--jobs", options->jobs,
                   "how many to compile at a time; without it one a core")
      ->check(CLI::Range(1u, 1024u));
  verb->add_option("--ptxas", options->ptxas, "path of ptxas");
  verb->add_option("--jit", options->jit, "path of libnybl_jit.so");
  verb->callback([options, &code] { code = report(runBundle(*options)); });
}
