// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl prove: is the kernel of a problem proven, refuted, or neither? Needs no
// driver and no GPU; a replay needs the emulated driver.

#include "runtime/Abi/FreeSizes.h"
#include "runtime/Abi/Manifest.h"
#include "runtime/Library/Provider.h"
#include "tools/nybl/Command.h"
#include "tools/nybl/Files.h"
#include "tools/nybl/Replay.h"
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace nybl;
using namespace nybl::cli;
using Json = nlohmann::ordered_json;

namespace {

struct Options {
  std::string problem, chip, schedule, templateFile, ctaFile, jit;
  bool json = false, replay = false, verifyEach = false;
};

/// What came of it. `status` is the verdict; ok: proven.
struct Outcome {
  Status status = Status::ok();
  std::optional<Manifest> manifest; ///< if proven
  std::optional<Counterexample> counterexample;
  std::string counterexampleJson;
  double milliseconds = 0; ///< of the proof
  std::optional<Evidence> evidence;

  const char *verdict() const {
    if (status)
      return "proven";
    if (counterexample)
      return "refuted";
    return status.code() == ErrorCode::Unproven ? "not proven" : "invalid";
  }
};

/// The compiler, and the texts a request points at.
class Prover {
public:
  static Expected<Prover> open(const Options &options);
  Outcome prove() const;
  /// Of a kernel that is refuted; whatever hinders it is the sentence.
  Evidence replay(const Counterexample &counterexample) const;

private:
  explicit Prover(const Options &options) : options(options) {}
  NyblCompileRequest request(const char *emit) const;
  Expected<Evidence> tryReplay(const Counterexample &counterexample) const;

  const Options &options;
  library::Provider provider;
  AnyProblem problem;
  std::optional<std::string> templateText, ctaText;
};

Expected<Prover> Prover::open(const Options &options) {
  Prover prover(options);
  // Before the compiler is loaded: bad input is bad input, compiler or not.
  auto problem = parseAnyProblem(options.problem);
  if (!problem)
    return problem.status();
  auto templateText = readTemplate(options.templateFile);
  if (!templateText)
    return templateText.status();
  auto ctaText = readKernelText(options.ctaFile);
  if (!ctaText)
    return ctaText.status();
  auto provider = library::Provider::load(options.jit);
  if (!provider)
    return provider.status();
  prover.problem = *problem;
  prover.templateText = std::move(*templateText);
  prover.ctaText = std::move(*ctaText);
  prover.provider = *provider;
  return prover;
}

NyblCompileRequest Prover::request(const char *emit) const {
  NyblCompileRequest request = {};
  request.problem = options.problem.c_str();
  request.chip = options.chip.c_str();
  request.schedule = orNull(options.schedule);
  request.template_text = templateText ? templateText->c_str() : nullptr;
  request.cta_text = ctaText ? ctaText->c_str() : nullptr;
  request.emit = emit;
  request.verify_each = options.verifyEach;
  return request;
}

/// Milliseconds of the phase "prove".
double proofTime(const std::string &phases) {
  Json list = Json::parse(phases, nullptr, /*allow_exceptions=*/false);
  if (list.is_array())
    for (const Json &phase : list)
      if (phase.is_object() && phase.value("phase", Json()) == "prove" &&
          phase.value("ms", Json()).is_number())
        return phase["ms"].get<double>();
  return 0;
}

Outcome Prover::prove() const {
  Outcome outcome;
  library::CompileFailure failure;
  auto made = provider.compile(request("certificate"), &failure);
  outcome.milliseconds = proofTime(made ? made->phases : failure.phases);
  if (made) {
    auto manifest = parseManifest(made->manifest);
    if (!manifest)
      outcome.status =
          Status::environment("the compiler's manifest: " + manifest.message());
    else
      outcome.manifest = std::move(*manifest);
    return outcome;
  }
  outcome.status = made.status();
  if (!failure.counterexample.empty()) {
    auto parsed = Counterexample::parse(failure.counterexample);
    if (!parsed)
      outcome.status = parsed.status();
    else
      outcome.counterexample = *parsed;
    outcome.counterexampleJson = failure.counterexample;
  } else if (outcome.status.code() == ErrorCode::Refused) {
    // Nothing was refuted: the chip or the compiler will not have it.
    outcome.status = Status::invalid(made.message());
  }
  return outcome;
}

Expected<Evidence>
Prover::tryReplay(const Counterexample &counterexample) const {
  auto *gemm = std::get_if<GemmProblem>(&problem);
  if (!gemm || gemm->isGeneric())
    return Status::invalid("only kernels of a gemm with numbers for n and k "
                           "can be, so far");
  NyblCompileRequest wanted = request("ptx");
  wanted.keep_refuted = 1;
  auto refuted = provider.compile(wanted);
  if (!refuted)
    return refuted.status();
  NyblCompileRequest builtIn = {};
  builtIn.problem = options.problem.c_str();
  builtIn.chip = options.chip.c_str();
  builtIn.schedule = "kind=plain";
  builtIn.emit = "ptx";
  auto plain = provider.compile(builtIn);
  if (!plain)
    return plain.status();
  return cli::replay({*gemm,
                      options.chip,
                      counterexample,
                      {refuted->manifest, refuted->ptx},
                      {plain->manifest, plain->ptx}});
}

Evidence Prover::replay(const Counterexample &counterexample) const {
  auto evidence = tryReplay(counterexample);
  if (!evidence)
    return {false, "not replayed: " + evidence.message()};
  evidence->sentence =
      fmt::format("replayed on emulated {}: {}", emulatedChipOf(options.chip),
                  evidence->sentence);
  return *evidence;
}

//===----------------------------------------------------------------------===//
// What is said
//===----------------------------------------------------------------------===//

std::string describe(const Manifest &manifest, double milliseconds) {
  const Certificate &c = manifest.certificate;
  std::string text = fmt::format(
      "proven: {}\non {}, {}\nfor every M up to {}{}, in {:.1f} ms: {} "
      "questions, {} of them by search\n",
      manifest.problem, manifest.chip, manifest.schedule, c.rowsMax,
      boundsText(manifest), milliseconds, c.questions, c.searches);
  for (const Lemma &lemma : c.lemmas)
    text += fmt::format("  {}  {}\n      as at {}\n", lemma.name, lemma.domain,
                        lemma.sample);
  text += "accesses outside the real bytes:\n";
  for (const AccessClass &access : c.accesses)
    text += fmt::format("  {:<6} {} ({} accesses)\n", access.operand,
                        access.kind, access.count);
  return text + fmt::format("{}, kernel {}\n", c.prover, c.moduleHash);
}

std::string textOf(const Outcome &outcome, const Options &options) {
  std::string text;
  if (outcome.manifest)
    text = describe(*outcome.manifest, outcome.milliseconds);
  if (outcome.counterexample)
    text =
        describe(*outcome.counterexample, *parseAnyProblem(options.problem)) +
        "\n";
  if (outcome.evidence)
    text += outcome.evidence->sentence + "\n";
  else if (options.replay && outcome.status)
    text += "nothing to replay: no counterexample\n";
  return text;
}

std::string jsonOf(const Outcome &outcome, const Options &options) {
  auto orNull = [](const std::string &text) {
    return text.empty() ? Json(nullptr)
                        : Json::parse(text, nullptr, /*exceptions=*/false);
  };
  auto problem = parseAnyProblem(options.problem);
  Json schedule = nullptr;
  if (outcome.manifest)
    schedule = outcome.manifest->schedule;
  else if (!options.schedule.empty())
    schedule = options.schedule;
  Json json = {
      {"verdict", outcome.verdict()},
      {"problem", problem ? print(*problem) : options.problem},
      {"chip", options.chip},
      {"schedule", schedule},
      {"certificate",
       orNull(outcome.manifest ? print(outcome.manifest->certificate) : "")},
      {"message", outcome.status.message()},
      {"counterexample", orNull(outcome.counterexampleJson)},
      {"prove_ms", outcome.milliseconds}};
  if (outcome.evidence)
    json["replay"] = {{"shown", outcome.evidence->shown},
                      {"message", outcome.evidence->sentence}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Outcome outcomeOf(const Options &options) {
  Outcome outcome;
  if (!options.ctaFile.empty() &&
      (!options.templateFile.empty() || !options.schedule.empty())) {
    outcome.status =
        Status::invalid("--cta: expected without --template and --schedule, "
                        "which it takes the place of");
    return outcome;
  }
  auto prover = Prover::open(options);
  if (!prover) {
    outcome.status = prover.status();
    return outcome;
  }
  outcome = prover->prove();
  if (options.replay && outcome.counterexample)
    outcome.evidence = prover->replay(*outcome.counterexample);
  return outcome;
}

/// A verdict goes to standard output, its sentence to stderr; what hinders a
/// verdict is an error alone.
int runProve(const Options &options) {
  Outcome outcome = outcomeOf(options);
  if (exitCode(outcome.status) != BadEnvironment)
    printOut(options.json ? jsonOf(outcome, options)
                          : textOf(outcome, options));
  return report(outcome.status);
}

} // namespace

void nybl::cli::addProve(CLI::App &app, int &code) {
  auto options = std::make_shared<Options>();
  CLI::App *verb = app.add_subcommand(
      "prove",
      "Prove that nothing outside the real inputs can change a result\n"
      "Exit codes: 0 proven; 1 refuted, with a counterexample; 2 bad input; 3 "
      "environment; 4 neither.");
  verb->add_option("problem", options->problem, "the problem line")->required();
  verb->add_option("--chip", options->chip, "full chip name, as sm_120a")
      ->required();
  verb->add_option("--schedule", options->schedule,
                   "\"key=value ...\"; without it one is chosen");
  verb->add_option(
          "--template", options->templateFile,
          "a file with a kernel in the Tile dialect; without it the built-in "
          "one")
      ->check(expectFileName);
  verb->add_option("--cta", options->ctaFile,
                   "a file with a kernel in the Cta dialect, as `nybl compile "
                   "--emit cta` gives it, in place of template and schedule")
      ->check(expectFileName);
  verb->add_flag("--replay", options->replay,
                 "run a counterexample on the emulated driver, and say what "
                 "shows");
  verb->add_option("--jit", options->jit, "path of libnybl_jit.so");
  verb->add_flag("--json", options->json, "print one JSON object");
  verb->add_flag("--verify-each", options->verifyEach,
                 "run the verifier after every pass");
  verb->callback([options, &code] { code = runProve(*options); });
}
