// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Uploads, launches, downloads.

#include "tests/EndToEnd/Gemm/Road.h"
#include "runtime/Abi/ScaleLayout.h"

#include <chrono>
#include <cstring>
#include <dlfcn.h>

using namespace nybl;
using namespace nybl::road;

static const char *driverPath() {
  return NYBL_BINARY_DIR "/lib/emu/libcuda.so.1";
}

Session *Session::get() {
  static Session *session = [] {
    auto *made = new Session();
    nybl_library_options library = {};
    library.size = sizeof library;
    library.cache_path = ""; // what is tested is compiled now
    nybl_device_options device = {};
    device.size = sizeof device;
    device.driver_path = driverPath();
    bool good =
        nybl_library_create(&library, &made->library) == NYBL_OK &&
        nybl_device_open(made->library, &device, &made->device) == NYBL_OK;
    if (!good)
      std::fprintf(stderr, "%s\n", nybl_last_error());
    auto driver = driver::Driver::open(driverPath());
    auto opened =
        driver
            ? driver::Device::open(*driver, 0)
            : Expected<std::shared_ptr<const driver::Device>>(driver.status());
    if (opened)
      made->memory = *opened;
    return good && opened ? made : nullptr;
  }();
  return session;
}

void *Session::find(const char *name) {
  void *library = ::dlopen(driverPath(), RTLD_NOW | RTLD_NOLOAD);
  return library ? ::dlsym(library, name) : nullptr;
}

nybl_plan *Session::plan(const GemmProblem &problem, std::string *error,
                         const std::string &templateText,
                         const std::string &schedule, bool generic) {
  std::string line = print(specialise(problem));
  std::string key = line + "\n" + schedule + "\n" + templateText +
                    (generic ? "\ngeneric" : "");
  prepared = NYBL_OK;
  for (auto &[known, plan] : plans)
    if (known == key)
      return plan;
  nybl_prepare_options options = {};
  options.size = sizeof options;
  options.verify_each = 1;
  options.template_text = templateText.empty() ? nullptr : templateText.c_str();
  options.schedule = schedule.empty() ? nullptr : schedule.c_str();
  options.generic = generic;
  nybl_plan *plan = nullptr;
  prepared = nybl_prepare(device, line.c_str(), &options, &plan);
  if (prepared != NYBL_OK) {
    *error = nybl_last_error();
    return nullptr;
  }
  plans.emplace_back(key, plan);
  return plan;
}

std::vector<uint8_t>
nybl::road::packScales(const oracle::QuantizedMatrix &matrix,
                       ScaleLayout layout, uint8_t padding) {
  std::vector<uint8_t> packed(byteSize(layout, matrix.rows, matrix.blocks()),
                              padding);
  for (int64_t row = 0; row < matrix.rows; ++row)
    for (int64_t block = 0; block < matrix.blocks(); ++block)
      packed[byteOffset(layout, matrix.blocks(), row, block)] =
          matrix.scale(row, block);
  return packed;
}

namespace {

/// A buffer and which of its bytes are real.
struct Padded {
  std::vector<uint8_t> bytes;
  std::vector<bool> real;
  driver::Buffer buffer;
  uint64_t offset = 0; ///< of the first byte that the kernel is told of
};

constexpr int64_t gap = 16; ///< bytes between rows of data

Padded padData(const oracle::QuantizedMatrix &m, uint8_t padding) {
  int64_t rowBytes = m.k / 2, stride = rowBytes + gap;
  int64_t rows = (m.rows + 127) / 128 * 128 + 1;
  Padded p;
  p.bytes.assign(rows * stride, padding);
  p.real.assign(p.bytes.size(), false);
  for (int64_t r = 0; r < m.rows; ++r)
    for (int64_t i = 0; i < rowBytes; ++i) {
      p.bytes[r * stride + i] = m.codes[r * rowBytes + i];
      p.real[r * stride + i] = true;
    }
  return p;
}

Padded padScales(const oracle::QuantizedMatrix &m, ScaleLayout layout,
                 uint8_t padding, uint64_t offset) {
  Padded p;
  p.offset = offset;
  p.bytes = packScales(m, layout, padding);
  p.bytes.insert(p.bytes.begin(), offset, padding);
  p.real.assign(p.bytes.size(), false);
  for (int64_t r = 0; r < m.rows; ++r)
    for (int64_t b = 0; b < m.blocks(); ++b)
      p.real[offset + byteOffset(layout, m.blocks(), r, b)] = true;
  if (p.bytes.empty())
    p.bytes.assign(16, padding), p.real.assign(16, false);
  return p;
}

struct Operands {
  Padded a, sfa, b, sfb;
  driver::Buffer d, alpha, workspace;
};

bool upload(Session &session, Padded &p, bool poison, std::string *error) {
  auto made = driver::Buffer::allocate(session.memory, p.bytes.size());
  if (!made)
    return *error = made.message(), false;
  p.buffer = std::move(*made);
  if (Status s = p.buffer.upload(0, p.bytes.data(), p.bytes.size()); !s)
    return *error = s.message(), false;
  auto *mark =
      session.extension<decltype(nyblEmuMarkPoison)>("nyblEmuMarkPoison");
  for (size_t i = 0; poison && i < p.bytes.size();) {
    size_t end = i;
    while (end < p.bytes.size() && !p.real[end])
      ++end;
    if (end > i && mark(p.buffer.address() + i, end - i) != 0)
      return *error = "poison cannot be marked", false;
    i = std::max(end, i + 1);
  }
  return true;
}

nybl_scalar alphaOf(const GemmProblem &problem, const Options &o,
                    const Operands &on) {
  nybl_scalar alpha = {};
  if (problem.alpha == AlphaKind::None)
    return alpha;
  alpha.kind = o.hostAlpha ? NYBL_SCALAR_HOST : NYBL_SCALAR_DEVICE;
  alpha.convention =
      o.encodeAlpha ? NYBL_CONVENTION_ENCODE : NYBL_CONVENTION_DECODE;
  alpha.value = o.hostAlpha ? o.alpha : 0;
  alpha.pointer = o.hostAlpha ? 0 : on.alpha.address();
  return alpha;
}

nybl_gemm_args argumentsOf(const GemmProblem &p, int64_t m, const Options &o,
                           const Operands &on) {
  auto matrix = [](const driver::Buffer &b, int64_t stride) {
    return nybl_matrix{b.address(), b.bytes(), stride};
  };
  auto scales = [](const Padded &s, int64_t rows, ScaleLayout layout,
                   int64_t blocks) {
    return nybl_scales{s.buffer.address() + s.offset,
                       static_cast<uint64_t>(byteSize(layout, rows, blocks)),
                       rows, static_cast<uint32_t>(layout), 1};
  };
  nybl_gemm_args args = {};
  args.size = sizeof args;
  args.m = m;
  args.a = matrix(on.a.buffer, p.k / 2 + gap);
  args.b = matrix(on.b.buffer, p.k / 2 + gap);
  args.a_scales = scales(on.sfa, m, p.sfa, p.blocks());
  args.b_scales = scales(on.sfb, p.n, p.sfb, p.blocks());
  args.d = matrix(on.d, p.n * byteWidth(p.d) + gap);
  args.alpha = alphaOf(p, o, on);
  return args;
}

/// As large as the plan says, all zero.
Status addWorkspace(Session &session, nybl_plan *plan, nybl_gemm_args &args,
                    Operands &on) {
  uint64_t bytes = 0;
  // What it refuses, the launch refuses too.
  if (nybl_plan_workspace(plan, args.m, &bytes) != NYBL_OK || bytes == 0)
    return Status::ok();
  auto made = driver::Buffer::allocate(session.memory, bytes);
  if (!made)
    return made.status();
  on.workspace = std::move(*made);
  args.workspace = on.workspace.address();
  args.workspace_bytes = bytes;
  return on.workspace.fill(0);
}

/// A launch leaves the workspace as it was.
void checkWorkspace(const Operands &on, Run &run) {
  std::vector<uint8_t> bytes(on.workspace.bytes());
  (void)on.workspace.download(0, bytes.data(), bytes.size());
  for (size_t i = 0; i < bytes.size(); ++i)
    if (bytes[i] != 0)
      return run.reports.push_back("byte " + std::to_string(i) +
                                   " of the workspace is not zero");
}

void collectReports(Session &session, Run &run) {
  auto *count =
      session.extension<decltype(nyblEmuReportCount)>("nyblEmuReportCount");
  auto *text =
      session.extension<decltype(nyblEmuReportText)>("nyblEmuReportText");
  for (size_t i = 0; i < count(); ++i) {
    char line[1024];
    text(i, line, sizeof line);
    run.reports.push_back(line);
  }
  if (run.reports.empty())
    return;
  session.extension<decltype(nyblEmuClearReports)>("nyblEmuClearReports")();
  driver::ContextScope scope(*session.memory);
  session.extension<decltype(nyblEmuResetContext)>("nyblEmuResetContext")();
}

} // namespace

Run nybl::road::gemm(Session &session, const GemmProblem &problem,
                     const oracle::QuantizedMatrix &a,
                     const oracle::QuantizedMatrix &b, const Options &options) {
  Run run;
  run.plan = session.plan(problem, &run.error, options.templateText,
                          options.schedule, options.generic);
  run.status = session.prepared;
  if (!run.plan)
    return run;
  uint8_t padding = options.poison.value_or(0);
  bool poison = options.poison.has_value();
  Operands on{padData(a, padding),
              padScales(a, problem.sfa, padding, options.scaleOffset),
              padData(b, padding),
              padScales(b, problem.sfb, padding, options.scaleOffset),
              {},
              {},
              {}};
  for (Padded *p : {&on.a, &on.sfa, &on.b, &on.sfb})
    if (!upload(session, *p, poison, &run.error))
      return run;
  int64_t rowBytes = problem.n * byteWidth(problem.d), stride = rowBytes + gap;
  auto d = driver::Buffer::allocate(session.memory, (a.rows + 1) * stride);
  auto alpha = driver::Buffer::allocate(session.memory, 4);
  if (!d || !alpha)
    return run.error = "no memory for d", run;
  on.d = std::move(*d);
  on.alpha = std::move(*alpha);
  (void)on.alpha.upload(0, &options.alpha, 4);
  // Bytes that no launch may touch, around and between the rows of d.
  std::vector<uint8_t> canvas((a.rows + 1) * stride, 0xa5);
  session.extension<decltype(nyblEmuDeclareOutput)>("nyblEmuDeclareOutput")(
      on.d.address(), "d", a.rows, problem.n, stride, byteWidth(problem.d));

  auto stream = driver::Stream::create(session.memory);
  nybl_gemm_args args = argumentsOf(problem, a.rows, options, on);
  args.stream = stream->handle();
  if (Status s = addWorkspace(session, run.plan, args, on); !s)
    return run.error = s.message(), run;
  auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < options.launches && run.error.empty(); ++i) {
    (void)on.d.upload(0, canvas.data(), canvas.size());
    run.status = nybl_launch(run.plan, &args);
    if (run.status != NYBL_OK)
      run.error = nybl_last_error();
    else if (options.behind)
      if (Status s = options.behind(
              {on.a.buffer, on.d, static_cast<CUstream>(args.stream)});
          !s)
        run.error = s.message();
    if (Status s = stream->synchronize(); !s)
      run.error = s.message();
  }
  run.launchSeconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
          .count();
  run.counts.size = sizeof run.counts;
  session.extension<decltype(nyblEmuCounters)>("nyblEmuCounters")(&run.counts);
  collectReports(session, run);
  if (!run.error.empty())
    return run;
  checkWorkspace(on, run);
  (void)on.d.download(0, canvas.data(), canvas.size());
  for (size_t i = 0; i < canvas.size(); ++i) {
    bool real = static_cast<int64_t>(i) / stride < a.rows &&
                static_cast<int64_t>(i) % stride < rowBytes;
    if (real)
      run.d.push_back(canvas[i]);
    else if (canvas[i] != 0xa5)
      run.reports.push_back("byte " + std::to_string(i) +
                            " beside d was written");
  }
  return run;
}
