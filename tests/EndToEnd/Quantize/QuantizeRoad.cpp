// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Uploads, launches, downloads; and the formula, step by step.

#include "tests/EndToEnd/Quantize/QuantizeRoad.h"
#include "tests/Oracle/CudaFormats.h"
#include "tests/Oracle/Formats.h"
#include "tests/Oracle/Quantize.h"
#include <bit>
#include <cfloat>
#include <cmath>

using namespace nybl;
using namespace nybl::road;

static float valueOf(OutputType type, uint32_t element) {
  if (type == OutputType::F32)
    return std::bit_cast<float>(element);
  oracle::FloatFormat format =
      type == OutputType::BF16 ? oracle::kBf16 : oracle::kF16;
  return static_cast<float>(oracle::decodeFloat(format, element));
}

float Elements::value(int64_t row, int64_t column) const {
  return valueOf(type, bits[row * k + column]);
}

uint32_t nybl::road::encode(OutputType type, float value) {
  return type == OutputType::BF16  ? oracle::cudaEncodeBf16(value)
         : type == OutputType::F16 ? oracle::cudaEncodeF16(value)
                                   : std::bit_cast<uint32_t>(value);
}

nybl_plan *nybl::road::planOf(Session &session, const std::string &line,
                              std::string *error, const std::string &schedule,
                              const std::string &templateText) {
  // As long as the process: so are the session's.
  static auto &plans = *new std::vector<std::pair<std::string, nybl_plan *>>();
  std::string key = line + schedule + templateText;
  for (auto &[known, plan] : plans)
    if (known == key)
      return plan;
  nybl_prepare_options options = {};
  options.size = sizeof options;
  options.verify_each = 1;
  options.schedule = schedule.empty() ? nullptr : schedule.c_str();
  options.template_text = templateText.empty() ? nullptr : templateText.c_str();
  nybl_plan *plan = nullptr;
  if (nybl_prepare(session.device, line.c_str(), &options, &plan) != NYBL_OK) {
    *error = nybl_last_error();
    return nullptr;
  }
  plans.emplace_back(key, plan);
  return plan;
}

std::vector<std::string> nybl::road::takeReports(Session &session) {
  auto *count =
      session.extension<decltype(nyblEmuReportCount)>("nyblEmuReportCount");
  auto *text =
      session.extension<decltype(nyblEmuReportText)>("nyblEmuReportText");
  std::vector<std::string> reports;
  for (size_t i = 0; i < count(); ++i) {
    char line[1024];
    text(i, line, sizeof line);
    reports.push_back(line);
  }
  if (reports.empty())
    return reports;
  session.extension<decltype(nyblEmuClearReports)>("nyblEmuClearReports")();
  driver::ContextScope scope(*session.memory);
  session.extension<decltype(nyblEmuResetContext)>("nyblEmuResetContext")();
  return reports;
}

void nybl::road::inEveryOrder(Session &session,
                              const std::function<void()> &run) {
  auto *set =
      session.extension<decltype(nyblEmuSetSchedule)>("nyblEmuSetSchedule");
  auto *races = session.extension<decltype(nyblEmuSetRaces)>("nyblEmuSetRaces");
  races(1, 1);
  for (int policy : {NYBL_EMU_SCHEDULE_LAZY, NYBL_EMU_SCHEDULE_RANDOM,
                     NYBL_EMU_SCHEDULE_ADVERSARY, NYBL_EMU_SCHEDULE_EAGER}) {
    set(policy, 7);
    run();
  }
  set(NYBL_EMU_SCHEDULE_EAGER, 0);
  races(0, 0);
}

int64_t nybl::road::rowsOfManyTiles(nybl_plan *plan) {
  nybl_plan_details details = {};
  details.size = sizeof details;
  if (nybl_plan_info(plan, &details) != NYBL_OK)
    return 0;
  return 16 * int64_t(details.multiprocessors) * details.resident_ctas + 13;
}

namespace {

/// Rows with poisoned gaps between them, and one poisoned row behind.
driver::Buffer uploadRows(Session &session, const Elements &x) {
  int64_t width = byteWidth(x.type), rowBytes = x.k * width;
  int64_t stride = rowBytes + qGap;
  std::vector<uint8_t> image((x.rows + 1) * stride, 0x7f);
  for (int64_t row = 0; row < x.rows; ++row)
    for (int64_t i = 0; i < rowBytes; ++i)
      image[row * stride + i] = static_cast<uint8_t>(
          x.bits[row * x.k + i / width] >> (i % width * 8));
  driver::Buffer buffer =
      std::move(*driver::Buffer::allocate(session.memory, image.size()));
  (void)buffer.upload(0, image.data(), image.size());
  auto *mark =
      session.extension<decltype(nyblEmuMarkPoison)>("nyblEmuMarkPoison");
  for (int64_t row = 0; row < x.rows; ++row)
    mark(buffer.address() + row * stride + rowBytes, qGap);
  mark(buffer.address() + x.rows * stride, stride);
  return buffer;
}

driver::Buffer canvas(Session &session, size_t bytes) {
  std::vector<uint8_t> image(bytes, untouched);
  driver::Buffer buffer =
      std::move(*driver::Buffer::allocate(session.memory, bytes));
  (void)buffer.upload(0, image.data(), image.size());
  return buffer;
}

std::vector<uint8_t> bytesOf(const driver::Buffer &buffer) {
  std::vector<uint8_t> bytes(buffer.bytes());
  (void)buffer.download(0, bytes.data(), bytes.size());
  return bytes;
}

nybl_scalar globalOf(const QuantizeProblem &problem,
                     const QuantizeOptions &options,
                     const driver::Buffer &buffer) {
  if (problem.global == GlobalKind::None)
    return {};
  uint32_t convention = problem.global == GlobalKind::Decode
                            ? NYBL_CONVENTION_DECODE
                            : NYBL_CONVENTION_ENCODE;
  if (options.onDevice)
    return {NYBL_SCALAR_DEVICE, convention, buffer.address(), 0, 0};
  return {NYBL_SCALAR_HOST, convention, 0, options.global, 0};
}

} // namespace

QuantizeRun nybl::road::quantize(Session &session,
                                 const QuantizeProblem &problem,
                                 const Elements &x,
                                 const QuantizeOptions &options) {
  QuantizeRun run;
  nybl_plan *plan = planOf(session, print(specialise(problem)), &run.error,
                           options.schedule, options.templateText);
  if (!plan)
    return run.status = NYBL_REFUSED, run;
  driver::Buffer data = uploadRows(session, x);
  int64_t stride = problem.k / 2 + qGap;
  driver::Buffer q = canvas(session, (x.rows + 1) * stride);
  driver::Buffer scales =
      canvas(session, byteSize(problem.sf, x.rows, problem.blocks()) + 16);
  driver::Buffer global =
      std::move(*driver::Buffer::allocate(session.memory, 4));
  (void)global.upload(0, &options.global, 4);
  auto stream = driver::Stream::create(session.memory);
  nybl_quantize_args args = {};
  args.size = sizeof args;
  args.m = x.rows;
  args.x = {data.address(), data.bytes(), x.k * byteWidth(x.type) + qGap};
  args.q = {q.address(), q.bytes(), stride};
  args.q_scales = {scales.address(), scales.bytes() - 16, x.rows,
                   static_cast<uint32_t>(problem.sf), 0};
  args.global = globalOf(problem, options, global);
  args.stream = stream->handle();
  run.status = nybl_quantize(plan, &args, nullptr);
  if (run.status != NYBL_OK)
    run.error = nybl_last_error();
  if (Status s = stream->synchronize(); !s)
    run.error = s.message();
  run.reports = takeReports(session);
  if (!run.ok())
    return run;
  run.q = bytesOf(q);
  run.scales = bytesOf(scales);
  return run;
}

//===----------------------------------------------------------------------===//
// The reference
//===----------------------------------------------------------------------===//

namespace {

float flushed(float value) {
  return std::fpclassify(value) == FP_SUBNORMAL ? std::copysign(0.0f, value)
                                                : value;
}

/// rcp.approx.ftz as the emulated driver has it: rounded, subnormals flushed.
float approximate(float value) { return flushed(1.0f / flushed(value)); }

struct Block {
  uint8_t scale = 0;
  uint8_t codes[kBlock] = {};
};

float scaleBefore(float amax, float encode, bool fast) {
  if (!fast)
    return amax * (encode * (1.0f / 6.0f));
  return encode * (amax * approximate(6.0f));
}

float inverseStep(uint8_t scale, float encode, bool fast) {
  float s = static_cast<float>(
      oracle::decodeFloat(oracle::kF16, oracle::cudaDecodeE4m3(scale)));
  if (fast)
    return approximate(s * approximate(encode));
  return std::min(1.0f / (s * (1.0f / encode)), FLT_MAX);
}

Block blockOf(const float (&x)[kBlock], float encode, bool fast) {
  Block block;
  float amax = 0;
  for (float value : x)
    amax = std::isnan(value) || std::isnan(amax)
               ? std::nanf("")
               : std::max(amax, std::fabs(value));
  block.scale = oracle::cudaEncodeE4m3(scaleBefore(amax, encode, fast));
  if (block.scale == 0 || block.scale == 0x7f)
    return block;
  float t = inverseStep(block.scale, encode, fast);
  for (int64_t i = 0; i < kBlock; ++i)
    block.codes[i] = oracle::cudaEncodeE2m1(x[i] * t);
  return block;
}

float siluMul(float gate, float up, const QuantizeProblem &problem) {
  float product;
  if (problem.math == QuantizeMath::Exact) {
    product = oracle::siluMul(gate, up);
  } else {
    float power = flushed(gate * -1.44269504f);
    float e = flushed(static_cast<float>(std::exp2(double(power))));
    product = gate * approximate(1 + e) * up;
  }
  return valueOf(problem.x, encode(problem.x, product));
}

/// What is quantised: an element, or a gate with what it opens.
float elementAt(const QuantizeProblem &problem, const Elements &x, int64_t row,
                int64_t column) {
  float value = x.value(row, column);
  return problem.fuse == QuantizeFuse::None
             ? value
             : siluMul(value, x.value(row, problem.k + column), problem);
}

} // namespace

QuantizeRun nybl::road::expected(const QuantizeProblem &problem,
                                 const Elements &x, float global) {
  QuantizeRun run;
  int64_t stride = problem.k / 2 + qGap, blocks = problem.blocks();
  run.q.assign((x.rows + 1) * stride, untouched);
  run.scales.assign(byteSize(problem.sf, x.rows, blocks) + 16, untouched);
  bool fast = problem.math == QuantizeMath::Fast;
  float encode = problem.global == GlobalKind::None     ? 1.0f
                 : problem.global == GlobalKind::Decode ? 1.0f / global
                                                        : global;
  ScaleBox box = paddedBox(problem.sf, x.rows, blocks);
  for (int64_t row = 0; row < box.rows; ++row)
    for (int64_t b = 0; b < box.blocks; ++b) {
      uint8_t &scale = run.scales[byteOffset(problem.sf, blocks, row, b)];
      if (row >= x.rows || b >= blocks) {
        if (row < x.rows || problem.padRows)
          scale = 0;
        continue;
      }
      float values[kBlock];
      for (int64_t i = 0; i < kBlock; ++i)
        values[i] = elementAt(problem, x, row, b * kBlock + i);
      Block block = blockOf(values, encode, fast);
      scale = block.scale;
      for (int64_t i = 0; i < kBlock; i += 2)
        run.q[row * stride + b * kBlock / 2 + i / 2] =
            static_cast<uint8_t>(block.codes[i] | block.codes[i + 1] << 4);
    }
  return run;
}
