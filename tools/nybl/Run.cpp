// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl run: replays one problem from a file on a device, through nybl.h as any
// other program would.

#include "tools/nybl/Capture.h"
#include "tools/nybl/Command.h"
#include "tools/nybl/Device.h"
#include "tools/nybl/Files.h"
#include "tools/nybl/Padding.h"
#include "tools/nybl/Phases.h"
#include "tools/nybl/Quantize.h"
#include <CLI/CLI.hpp>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::cli;

namespace {

struct Options {
  std::string bundle, problem, in, out, device = "cuda:0", poison, schedule,
                                        templateFile, jit, ptxas, dumpDir;
  bool allowUnproven = false, time = false, json = false;
};

Expected<std::optional<uint8_t>> parsePoison(const std::string &text) {
  if (text.empty())
    return std::optional<uint8_t>();
  char *end = nullptr;
  long value = std::strtol(text.c_str(), &end, 0);
  if (*end != '\0' || end == text.c_str() || value < 0 || value > 255)
    return Status::invalid(fmt::format(
        "--poison-padding: expected a byte from 0x00 to 0xff, got '{}'", text));
  return std::optional<uint8_t>(static_cast<uint8_t>(value));
}

nybl_scalar alphaOf(const Capture &capture) {
  if (!capture.alpha)
    return {};
  return {NYBL_SCALAR_HOST, NYBL_CONVENTION_DECODE, 0, *capture.alpha, 0};
}

// With poison, padding holds that byte and is marked as poison.

Expected<DeviceMatrix> upload(Memory &memory, const std::string &rows,
                              const MatrixShape &shape,
                              std::optional<uint8_t> poison) {
  return memory.matrix(spread(rows, shape, poison.value_or(0)), shape,
                       poison ? shape.padding() : std::vector<ByteRange>());
}

Expected<DeviceScales> uploadScales(Memory &memory, std::string image,
                                    ScaleLayout layout, int64_t rows,
                                    int64_t blocks,
                                    std::optional<uint8_t> poison) {
  std::vector<ByteRange> padding;
  if (poison) {
    padding = scalePadding(layout, rows, blocks);
    fillRanges(image, padding, *poison);
  }
  return memory.scales(image, layout, rows, padding);
}

/// Uploads, launches, reads back. `d` becomes the rows, back to back.
Status multiply(Session &session, const GemmProblem &problem,
                const Capture &capture, std::optional<uint8_t> poison,
                Phases &phases, std::string &d) {
  bool padded = poison.has_value();
  Memory &memory = session.memory();
  auto a = upload(memory, capture.a,
                  MatrixShape::make(capture.m, problem.k / 2, padded), poison);
  auto b = upload(memory, capture.b,
                  MatrixShape::make(problem.n, problem.k / 2, padded), poison);
  auto sfa = uploadScales(memory, capture.aScale, problem.sfa, capture.m,
                          problem.blocks(), poison);
  auto sfb = uploadScales(memory, capture.bScale, problem.sfb, problem.n,
                          problem.blocks(), poison);
  MatrixShape shape =
      MatrixShape::make(capture.m, problem.n * byteWidth(problem.d), padded);
  auto out = memory.output(shape, problem.n, byteWidth(problem.d));
  for (const Status &status :
       {a.status(), b.status(), sfa.status(), sfb.status(), out.status()})
    if (!status)
      return status;
  phases.mark("upload");
  auto args = face::sized<nybl_gemm_args>();
  args.m = capture.m;
  args.a = a->view;
  args.a_scales = sfa->view;
  args.b = b->view;
  args.b_scales = sfb->view;
  args.d = out->view;
  args.alpha = alphaOf(capture);
  if (Status status = session.launch(args); !status)
    return status;
  phases.mark("launch");
  auto rows = memory.readBack(*out, shape);
  if (!rows)
    return rows.status();
  d = std::move(*rows);
  phases.mark("download");
  return Status::ok();
}

/// The same of a tensor that was quantised. `y` becomes the rows.
Status dequantize(Session &session, const DequantizeProblem &problem,
                  const DequantizeCapture &capture,
                  std::optional<uint8_t> poison, Phases &phases,
                  std::string &y) {
  bool padded = poison.has_value();
  Memory &memory = session.memory();
  auto q = upload(memory, capture.q,
                  MatrixShape::make(capture.m, problem.k / 2, padded), poison);
  auto scales = uploadScales(memory, capture.scales, problem.sf, capture.m,
                             problem.blocks(), poison);
  MatrixShape shape =
      MatrixShape::make(capture.m, problem.k * byteWidth(problem.y), padded);
  auto out = memory.output(shape, problem.k, byteWidth(problem.y), {}, "y");
  for (const Status &status : {q.status(), scales.status(), out.status()})
    if (!status)
      return status;
  phases.mark("upload");
  auto args = face::sized<nybl_dequantize_args>();
  args.m = capture.m;
  args.q = q->view;
  args.q_scales = scales->view;
  args.y = out->view;
  args.global = globalOf(problem.global, capture.global);
  if (Status status = session.dequantize(args); !status)
    return status;
  phases.mark("launch");
  auto rows = memory.readBack(*out, shape);
  if (!rows)
    return rows.status();
  y = std::move(*rows);
  phases.mark("download");
  return Status::ok();
}

/// `generic`: by the kernel of any N and K.
Expected<std::unique_ptr<Session>>
openSession(const Options &options, const std::string &problem,
            const DeviceChoice &choice, Phases &phases, bool generic = false) {
  phases.mark("read");
  SessionOptions wanted{options.schedule,      options.templateFile,
                        options.jit,           options.ptxas,
                        options.dumpDir,       options.bundle,
                        options.allowUnproven, generic};
  auto session = Session::open(choice, problem, wanted);
  if (!session)
    return session;
  phases.addJson((*session)->phasesJson());
  phases.restart();
  return session;
}

// Each reads, launches and writes, and says what came out.

Expected<std::string> runProblem(const Options &options,
                                 const GemmProblem &asked,
                                 const DeviceChoice &choice,
                                 std::optional<uint8_t> poison,
                                 Phases &phases) {
  auto sized = withSizes(options.in, asked);
  if (!sized)
    return sized.status();
  const GemmProblem &problem = *sized;
  auto capture = readCapture(options.in, problem);
  if (!capture)
    return capture.status();
  auto session =
      openSession(options, asked.isGeneric() ? print(problem) : options.problem,
                  choice, phases, asked.isGeneric());
  if (!session)
    return session.status();
  std::string d;
  if (Status status = multiply(**session, problem, *capture, poison, phases, d);
      !status)
    return status;
  if (Status status = writeResult(options.out, problem, capture->m, d); !status)
    return status;
  return fmt::format("{}d [{}, {}] {} in {}\n", (*session)->describe(),
                     capture->m, problem.n, name(problem.d), options.out);
}

Expected<std::string> runProblem(const Options &options,
                                 const QuantizeProblem &problem,
                                 const DeviceChoice &choice,
                                 std::optional<uint8_t> poison,
                                 Phases &phases) {
  auto capture = readQuantizeCapture(options.in, problem);
  if (!capture)
    return capture.status();
  auto session = openSession(options, options.problem, choice, phases);
  if (!session)
    return session.status();
  auto output = quantize(**session, problem, *capture, poison, phases);
  if (!output)
    return output.status();
  if (Status status = writeQuantized(options.out, problem, capture->m, *output);
      !status)
    return status;
  return fmt::format("{}q [{}, {}] {} with q_scale in {} in {}\n",
                     (*session)->describe(), capture->m, problem.k,
                     name(problem.q), name(problem.sf), options.out);
}

Expected<std::string> runProblem(const Options &options,
                                 const DequantizeProblem &problem,
                                 const DeviceChoice &choice,
                                 std::optional<uint8_t> poison,
                                 Phases &phases) {
  auto capture = readDequantizeCapture(options.in, problem);
  if (!capture)
    return capture.status();
  auto session = openSession(options, options.problem, choice, phases);
  if (!session)
    return session.status();
  std::string y;
  if (Status status =
          dequantize(**session, problem, *capture, poison, phases, y);
      !status)
    return status;
  if (Status status = writeElements(options.out, problem, capture->m, y);
      !status)
    return status;
  return fmt::format("{}y [{}, {}] {} in {}\n", (*session)->describe(),
                     capture->m, problem.k, name(problem.y), options.out);
}

Status runRun(const Options &options) {
  auto problem = parseAnyProblem(options.problem);
  if (!problem)
    return problem.status();
  auto poison = parsePoison(options.poison);
  if (!poison)
    return poison.status();
  if (options.json && !options.time)
    return Status::invalid(
        "--json: expected together with --time, whose form it is");
  if (isSameFile(options.in, options.out))
    return Status::invalid(fmt::format(
        "--out: expected another file than --in, got '{}' for both, and the "
        "operands would be lost",
        options.out));
  auto choice = chooseDevice(options.device);
  if (!choice)
    return choice.status();
  Phases phases;
  auto made = std::visit(
      [&](const auto &p) {
        return runProblem(options, p, *choice, *poison, phases);
      },
      *problem);
  if (!made)
    return made.status();
  phases.mark("write");
  if (!options.json)
    printOut(*made);
  if (options.time)
    phases.print(stdout, options.json, print(*problem));
  return Status::ok();
}

} // namespace

void nybl::cli::addRun(CLI::App &app, int &code) {
  auto options = std::make_shared<Options>();
  CLI::App *verb = app.add_subcommand(
      "run",
      "Multiply the operands of a safetensors file on a device\n"
      "Input tensors: a [M, K/2] and b [N, K/2] (U8, or F4 [M, K] and [N, K]), "
      "a_scale "
      "and b_scale (one byte a scale, in the layout that the problem line "
      "states, "
      "padding included), alpha (F32, one number, decode convention) unless "
      "alpha=none. Output: d [M, N].\n"
      "Of \"quantize ...\": x [M, K] (fuse=silu_mul: [M, 2K]) and global (F32, "
      "one number, of the "
      "convention that the problem line states); output: q [M, K/2] and "
      "q_scale (U8), which a later gemm takes as its a and a_scale.\n"
      "Of \"dequantize ...\": q, q_scale and global; output: y [M, K].\n"
      "The scales' layout is taken from the problem line and trusted where the "
      "size "
      "cannot confirm it (trust_layout of nybl.h): a line that states the "
      "wrong "
      "layout gives wrong numbers.\n"
      "NYBL_DRIVER=PATH names another driver library.");
  verb->add_option("problem", options->problem,
                   "the problem line; m=? takes M from the file, n=? k=? these "
                   "too, and the generic kernel")
      ->required();
  verb->add_option("--in", options->in, "safetensors file with the operands")
      ->required();
  verb->add_option("--out", options->out, "safetensors file to write")
      ->required();
  verb->add_option(
          "--device", options->device,
          "cuda:N, or emu:CHIP for the emulated driver, as emu:sm_120a")
      ->capture_default_str();
  verb->add_option(
          "--poison-padding", options->poison,
          "fill every padding byte of scales and data with this byte, as 0x7f, "
          "and have the emulated driver report one that reaches a result")
      ->check([](const std::string &text) {
        return text.empty() ? "expected a byte, as 0x7f, got nothing" : "";
      });
  verb->add_flag("--allow-unproven", options->allowUnproven,
                 "use a kernel whose certificate has unproven lemmas");
  verb->add_option("--schedule", options->schedule,
                   "\"key=value ...\"; without it one is chosen");
  verb->add_option("--template", options->templateFile,
                   "a file with a kernel in the Tile dialect")
      ->check(expectFileName);
  verb->add_option("--bundle", options->bundle,
                   "take the kernel from this file, if it is in there (of "
                   "several, separated by ':', the first that has it)")
      ->check(expectFileName);
  verb->add_option("--dump-dir", options->dumpDir,
                   "write the IR after each phase, numbered, to this folder");
  verb->add_option("--ptxas", options->ptxas, "path of ptxas");
  verb->add_option("--jit", options->jit, "path of libnybl_jit.so");
  verb->add_flag("--time", options->time, "print the time of each phase");
  verb->add_flag("--json", options->json,
                 "print nothing but the times, as JSON (with --time)");
  verb->callback([options, &code] { code = report(runRun(*options)); });
}
