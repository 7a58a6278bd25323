// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl tune: which schedule is the fastest on this GPU; nybl tune merge.

#include "runtime/Tune/Choice.h"
#include "tools/nybl/Command.h"
#include "tools/nybl/Files.h"
#include "tools/nybl/ProblemFile.h"
#include "tools/nybl/Tuner.h"
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace nybl;
using namespace nybl::cli;
using Json = nlohmann::ordered_json;

namespace {

struct Options {
  std::string problems, device = "cuda:0", db = "tune.jsonl", budget = "60s",
                        jit, ptxas, nvrtc;
  std::vector<int64_t> rows = {1, 16, 128, 1024};
  TuneOptions tuner;
  bool emulated = false, json = false;
};

struct MergeOptions {
  std::vector<std::string> files;
  std::string out;
};

/// "60", "60s", "5m" or "1h" in seconds.
Expected<double> parseBudget(const std::string &text) {
  char *end = nullptr;
  double number = std::strtod(text.c_str(), &end);
  std::string unit = end;
  double scale = unit.empty() || unit == "s" ? 1
                 : unit == "m"               ? 60
                 : unit == "h"               ? 3600
                                             : 0;
  if (end != text.c_str() && scale > 0 && number > 0 && number * scale <= 1e6)
    return number * scale;
  return Status::invalid(fmt::format(
      "--budget: expected a time up to 1e6 seconds, as 60s, 5m or 1h, got '{}'",
      text));
}

/// A class each, with all values of M that its lines name.
Expected<std::vector<TuneProblem>>
problemsOf(const std::vector<AnyProblem> &lines,
           const std::vector<int64_t> &some) {
  std::vector<TuneProblem> problems;
  for (const AnyProblem &any : lines) {
    auto *gemm = std::get_if<GemmProblem>(&any);
    if (!gemm)
      return Status::invalid(fmt::format(
          "'{}': expected a gemm: a quantisation has one schedule, there is "
          "nothing to choose",
          print(any)));
    const GemmProblem &line = *gemm;
    if (line.isGeneric())
      return Status::invalid(fmt::format(
          "'{}': expected numbers for n and k: of the generic kernel one "
          "schedule alone is tried",
          print(line)));
    if (line.m == Extent::fixed(0))
      return Status::invalid(fmt::format(
          "'{}': expected m > 0: with m=0 nothing is launched", print(line)));
    GemmProblem wanted = specialise(line);
    auto at =
        std::find_if(problems.begin(), problems.end(),
                     [&](const TuneProblem &p) { return p.problem == wanted; });
    if (at == problems.end())
      at = problems.insert(at, {wanted, {}});
    std::vector<int64_t> rows;
    for (int64_t m : some)
      if (!line.m.isFixed() && line.m.contains(m))
        rows.push_back(m);
    if (rows.empty()) // one number, or a range that none of them is in
      rows.push_back(std::max<int64_t>(1, line.m.low));
    at->rows.insert(at->rows.end(), rows.begin(), rows.end());
    std::sort(at->rows.begin(), at->rows.end());
    at->rows.erase(std::unique(at->rows.begin(), at->rows.end()),
                   at->rows.end());
  }
  return problems;
}

size_t count(const std::vector<Trial> &trials, Outcome outcome) {
  return static_cast<size_t>(
      std::count_if(trials.begin(), trials.end(),
                    [&](const Trial &t) { return t.outcome == outcome; }));
}

/// What a run found out.
class Report {
public:
  Report(const Options &options, const Workbench &bench, const Tuner &tuner,
         const tune::Journal &journal, const std::vector<TuneProblem> &problems,
         std::string checkedBy)
      : options(options), bench(bench), trials(tuner.trials()),
        checkedBy(std::move(checkedBy)) {
    tune::Gpu gpu{bench.gpu().name(), bench.gpu().chip(),
                  bench.gpu().multiprocessors()};
    for (const TuneProblem &p : problems)
      choices.emplace_back(print(p.problem),
                           choose(journal.records(), p.problem, gpu));
  }

  std::string figures() const {
    return bench.isEmulated()
               ? "estimates: the device is emulated, and nothing was timed"
               : "measured: median of launches with a cold L2";
  }
  std::string text() const;
  std::string json() const;

private:
  const Options &options;
  const Workbench &bench;
  const std::vector<Trial> &trials;
  std::string checkedBy;
  std::vector<std::pair<std::string, std::optional<tune::Choice>>> choices;
};

std::string Report::text() const {
  std::string out = fmt::format(
      "{} ({}), {} multiprocessors{}\noutputs checked against {}\n{}\n",
      bench.gpu().name(), bench.gpu().chip(), bench.gpu().multiprocessors(),
      bench.isEmulated() ? ", emulated" : "", checkedBy, figures());
  for (const auto &[problem, choice] : choices) {
    out += problem + "\n";
    out += choice
               ? fmt::format("  {}\n  {}\n", choice->schedule, choice->reason)
               : "  no record\n";
  }
  for (const Trial &trial : trials)
    if (trial.outcome == Outcome::Wrong)
      out += fmt::format("WRONG, not recorded: '{}' for '{}': {}\n",
                         trial.schedule, choices[trial.problem].first,
                         trial.reason);
  out += fmt::format(
      "{}: {} recorded, {} known before, {} refused by the compiler, {} wrong, "
      "{} left out\n",
      countText(trials.size(), "candidate"), count(trials, Outcome::Recorded),
      count(trials, Outcome::Known), count(trials, Outcome::Refused),
      count(trials, Outcome::Wrong), count(trials, Outcome::Open));
  if (count(trials, Outcome::Open) > 0)
    out += fmt::format("the budget of {} is spent: run the same again, and it "
                       "goes on\n",
                       options.budget);
  return out;
}

std::string Report::json() const {
  Json problems = Json::array();
  for (const auto &[problem, choice] : choices)
    problems.push_back({{"problem", problem},
                        {"schedule", choice ? Json(choice->schedule) : Json()},
                        {"kernel", choice ? Json(choice->kernel) : Json()},
                        {"reason", choice ? Json(choice->reason) : Json()}});
  Json wrong = Json::array();
  for (const Trial &trial : trials)
    if (trial.outcome == Outcome::Wrong)
      wrong.push_back({{"problem", choices[trial.problem].first},
                       {"schedule", trial.schedule},
                       {"reason", trial.reason}});
  Json root = {{"gpu", bench.gpu().name()},
               {"chip", bench.gpu().chip()},
               {"emulated", bench.isEmulated()},
               {"figures", figures()},
               {"checked", checkedBy},
               {"db", options.db},
               {"problems", problems},
               {"recorded", count(trials, Outcome::Recorded)},
               {"known", count(trials, Outcome::Known)},
               {"refused", count(trials, Outcome::Refused)},
               {"wrong", wrong},
               {"left_out", count(trials, Outcome::Open)}};
  return root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

/// Where all candidates are refused, the first reason is the answer.
Status verdict(const std::vector<Trial> &trials) {
  if (!trials.empty() && count(trials, Outcome::Refused) == trials.size())
    return Status::refused("no candidate could be compiled: " +
                           trials.front().reason);
  if (size_t wrong = count(trials, Outcome::Wrong))
    return Status::refused(
        fmt::format("the output of {} is wrong: please report it",
                    countText(wrong, "candidate")));
  return Status::ok();
}

Status runTune(Options options) {
  // Before anything is loaded: bad input is bad input.
  if (options.problems.empty())
    return Status::invalid("expected a file with problem lines, or `nybl tune "
                           "merge`; `nybl tune --help` shows more");
  auto budget = parseBudget(options.budget);
  if (!budget)
    return budget.status();
  options.tuner.budget = *budget;
  auto lines = readProblems(options.problems);
  if (!lines)
    return lines.status();
  auto problems = problemsOf(*lines, options.rows);
  if (!problems)
    return problems.status();
  auto choice = chooseDevice(options.emulated ? "emu:sm_120a" : options.device);
  if (!choice)
    return choice.status();
  auto provider = library::Provider::load(options.jit);
  if (!provider)
    return provider.status();
  auto bench =
      Workbench::open(*choice, {options.jit, options.ptxas, "", "", true});
  if (!bench)
    return bench.status();
  auto nvrtc = Nvrtc::load(options.nvrtc, options.ptxas);
  if (!nvrtc && !options.nvrtc.empty())
    return nvrtc.status();
  auto journal = tune::Journal::open(options.db);
  if (!journal)
    return journal.status();
  std::string checkedBy = nvrtc
                              ? fmt::format("naive kernel ({})", nvrtc->name())
                              : "our plain schedule: " + nvrtc.message();
  Tuner tuner(**bench, *provider, *journal,
              nvrtc ? std::optional(*nvrtc) : std::nullopt, options.tuner);
  if (Status status = tuner.run(*problems); !status)
    return status;
  Report report(options, **bench, tuner, *journal, *problems, checkedBy);
  printOut(options.json ? report.json() : report.text());
  return verdict(tuner.trials());
}

Status runMerge(const MergeOptions &options) {
  auto held = tune::Journal::hold(options.out); // until it is written
  if (!held)
    return held.status();
  std::vector<tune::Record> records;
  for (const std::string &path : options.files) {
    auto file = tune::readRecords(path);
    if (!file)
      return file.status();
    records.insert(records.end(), file->records.begin(), file->records.end());
  }
  std::string text;
  records = tune::merge(records);
  for (const tune::Record &record : records)
    text += print(record) + "\n";
  if (Status status = writeOutput(options.out, text); !status)
    return status;
  printOut(fmt::format("{} in {}\n", countText(records.size(), "record"),
                       options.out));
  return Status::ok();
}

void addMerge(CLI::App &verb, int &code) {
  auto options = std::make_shared<MergeOptions>();
  CLI::App *merge = verb.add_subcommand(
      "merge", "Records of several tune files in one, each once: of those that "
               "say the same of one kernel the shortest time; of the kernels "
               "that compilers made of one schedule that which comes last.");
  merge->add_option("files", options->files, "tune files")
      ->required()
      ->check(expectFileName);
  merge->add_option("-o,--out", options->out, "the file to write")
      ->required()
      ->check(expectFileName);
  merge->callback([options, &code] { code = report(runMerge(*options)); });
}

} // namespace

void nybl::cli::addTune(CLI::App &app, int &code) {
  auto options = std::make_shared<Options>();
  CLI::App *verb = app.add_subcommand(
      "tune",
      "Time the schedules of some problems on a GPU, and write down which is "
      "the fastest\n"
      "Candidates are those that the chip allows, the best by the estimate "
      "first. Each is proven, and its output is compared with a naive kernel's "
      "before its time counts. On an emulated device nothing is timed: the "
      "estimate stands for the time, and is called one. A run that was ended "
      "goes on where it was. Nothing else should use the GPU meanwhile.\n"
      "NYBL_TUNE=FILE, or nybl_library_options.tune_path, uses what was "
      "written.");
  verb->add_option("problems", options->problems,
                   "a file with a problem line on each line (# begins a "
                   "comment), or - for standard input")
      ->check(expectFileName);
  verb->add_option("--device", options->device,
                   "cuda:N, or emu:CHIP for the emulated driver")
      ->capture_default_str();
  verb->add_flag("--emu", options->emulated, "the same as --device emu:sm_120a")
      ->excludes("--device");
  verb->add_option("--budget", options->budget,
                   "how long to go on, as 60s, 5m or 1h; each problem has its "
                   "share")
      ->capture_default_str();
  verb->add_option("--db", options->db, "the tune file to add to")
      ->capture_default_str()
      ->check(expectFileName);
  verb->add_option("--m", options->rows,
                   "values of M, separated by commas, to time problems at that "
                   "leave M free")
      ->delimiter(',')
      ->check(CLI::Range(int64_t(1), int64_t(1) << 24))
      ->capture_default_str();
  verb->add_option("--candidates", options->tuner.most,
                   "how many a problem, beside the library's own choice")
      ->check(CLI::Range(size_t(1), size_t(100000)))
      ->capture_default_str();
  verb->add_option("--card", options->tuner.card,
                   "the product that estimates are of, as rtx-5090");
  verb->add_option("--jobs", options->tuner.jobs,
                   "how many to compile at a time; without it one a core")
      ->check(CLI::Range(1u, 1024u));
  verb->add_option("--nvrtc", options->nvrtc, "path of libnvrtc.so");
  verb->add_option("--ptxas", options->ptxas, "path of ptxas");
  verb->add_option("--jit", options->jit, "path of libnybl_jit.so");
  verb->add_flag("--json", options->json, "print JSON");
  addMerge(*verb, code);
  verb->callback([options, verb, &code] {
    if (verb->get_subcommands().empty())
      code = report(runTune(*options));
  });
}
