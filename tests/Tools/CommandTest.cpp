// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The command's contract: exit codes, one line on stderr, whole files only. The
// compiler is the fake one of tests/Runtime, the device the emulated one.

#include "tests/Tools/Command.h"
#include "runtime/Abi/Problem.h"
#include "runtime/Support/Safetensors.h"
#include <algorithm>
#include <cstring>
#include <functional>
#include <gtest/gtest.h>
#include <limits>

using namespace nybl;
using namespace nybl::tests;

namespace {

constexpr const char *line = "gemm m=? n=24 k=48 sfa=128x4 sfb=8x4 d=f32";

void expectOneLine(const Outcome &outcome, int code, const char *part) {
  EXPECT_EQ(outcome.code, code) << outcome.err;
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1)
      << outcome.err;
  EXPECT_EQ(outcome.err.rfind("nybl: ", 0), 0u) << outcome.err;
  EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
}

/// The tensors of a layer that is right, made to be spoiled.
struct Layer {
  std::map<std::string, std::string> bytes;
  std::vector<Tensor> tensors;

  explicit Layer(int64_t m = 5, float alpha = 0.5f) {
    GemmProblem problem = *parseProblem(line);
    add("a", "U8", {m, problem.k / 2},
        std::string(size_t(m * problem.k / 2), 0x22));
    add("b", "U8", {problem.n, problem.k / 2},
        std::string(size_t(problem.n * problem.k / 2), 0x22));
    addScale("a_scale", byteSize(problem.sfa, m, problem.blocks()));
    addScale("b_scale", byteSize(problem.sfb, problem.n, problem.blocks()));
    std::string number(4, '\0');
    std::memcpy(number.data(), &alpha, 4);
    add("alpha", "F32", {}, number);
  }
  void addScale(const char *name, int64_t size) {
    add(name, "U8", {size}, std::string(size_t(size), 0x38));
  }
  void add(const char *name, const char *dtype, std::vector<int64_t> shape,
           std::string content) {
    remove(name);
    bytes[name] = std::move(content);
    Tensor tensor;
    tensor.name = name;
    tensor.dtype = dtype;
    tensor.shape = std::move(shape);
    tensors.push_back(tensor);
  }
  void remove(const std::string &name) {
    std::erase_if(tensors, [&](const Tensor &t) { return t.name == name; });
  }
  void write(const std::string &path) {
    for (Tensor &tensor : tensors) {
      const std::string &content = bytes[tensor.name];
      tensor.bytes = {reinterpret_cast<const uint8_t *>(content.data()),
                      content.size()};
    }
    Status status = writeSafetensors(path, tensors);
    ASSERT_TRUE(status) << status.message();
  }
};

struct Command : testing::Test {
  std::vector<std::string> runArguments(const char *problem = line) {
    return {"run",   problem,           "--in",     folder / "in",
            "--out", folder / "out",    "--device", "emu:sm_120a",
            "--jit", NYBL_TEST_FAKE_JIT};
  }
  Outcome run(std::vector<std::string> more = {}, const char *problem = line,
              const std::map<std::string, std::string> &environment = {}) {
    std::vector<std::string> arguments = runArguments(problem);
    arguments.insert(arguments.end(), more.begin(), more.end());
    return nyblCommand(arguments, environment);
  }
  Folder folder;
};

TEST_F(Command, SaysHowItIsUsed) {
  Outcome help = nyblCommand({"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_NE(help.out.find("doctor"), std::string::npos);
  EXPECT_NE(help.out.find("4 not proven"), std::string::npos);
  EXPECT_EQ(nyblCommand({"--version"}).out, "nybl 0.1.0\n");
  Outcome runHelp = nyblCommand({"run", "--help"});
  EXPECT_EQ(runHelp.code, 0);
  EXPECT_NE(runHelp.out.find("trust"), std::string::npos);
}

TEST_F(Command, BadArgumentsAreBadInput) {
  expectOneLine(nyblCommand({}), 2, "subcommand");
  expectOneLine(nyblCommand({"fly"}), 2, "--help");
  expectOneLine(nyblCommand({"compile"}), 2, "problem");
  expectOneLine(nyblCommand({"compile", line}), 2, "--chip");
  expectOneLine(
      nyblCommand({"compile", line, "--chip", "sm_120a", "--emit", "sass"}), 2,
      "--emit");
  expectOneLine(nyblCommand({"compile", line, "--chip", "sm_120a", "--wat"}), 2,
                "--wat");
  expectOneLine(
      nyblCommand({"compile", "gemm n=24 kk=48", "--chip", "sm_120a"}), 2,
      "kk=48");
  expectOneLine(nyblCommand({"compile", "gemm n=24 k=47", "--chip", "sm_120a"}),
                2, "16");
  expectOneLine(nyblCommand({"compile", line, "--chip", "sm_120a", "--json"}),
                2, "--time");
  expectOneLine(nyblCommand({"run", line}), 2, "--in");
}

TEST_F(Command, CompileWritesTheStage) {
  std::string out = folder / "k.ptx";
  std::vector<std::string> arguments = {
      "compile", line,  "--chip", "sm_120a",
      "--emit",  "ptx", "--jit",  NYBL_TEST_FAKE_JIT};
  Outcome shown = nyblCommand(arguments);
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_NE(shown.out.find(".target sm_120a"), std::string::npos);
  arguments.insert(arguments.end(), {"-o", out, "--time"});
  Outcome timed = nyblCommand(arguments);
  EXPECT_EQ(timed.code, 0) << timed.err;
  EXPECT_EQ(contentOf(out), shown.out);
  EXPECT_NE(timed.out.find("fake"), std::string::npos);
  EXPECT_NE(timed.out.find("total"), std::string::npos);
  arguments.push_back("--json");
  Outcome json = nyblCommand(arguments);
  EXPECT_EQ(json.out.rfind("{", 0), 0u) << json.out;
  EXPECT_NE(json.out.find("\"total_ms\": 0.125"), std::string::npos)
      << json.out;
  EXPECT_EQ(folder.files(), std::vector<std::string>{"k.ptx"});
}

TEST_F(Command, CompileErrorsKeepTheFile) {
  std::string out = folder / "k.ptx";
  writeText(out, "as it was");
  std::vector<std::string> arguments = {
      "compile", line,  "--chip",     "sm_120a",
      "--emit",  "ptx", "--jit",      NYBL_TEST_FAKE_JIT,
      "-o",      out,   "--schedule", "refuse"};
  expectOneLine(nyblCommand(arguments), 1, "the fake refuses");
  EXPECT_EQ(contentOf(out), "as it was");
  expectOneLine(nyblCommand({"compile", line, "--chip", "sm_120a", "--jit",
                             NYBL_TEST_FAKE_JIT, "--emit", "ptx", "-o",
                             folder / "no/such/folder/k.ptx"}),
                3, "cannot write");
  expectOneLine(nyblCommand({"compile", line, "--chip", "sm_120a", "--jit",
                             "/nonexistent/libnybl_jit.so"}),
                3, "no compiler: looked for '/nonexistent/libnybl_jit.so'");
  expectOneLine(nyblCommand({"compile", line, "--chip", "sm_120a", "--template",
                             "/nonexistent/template.mlir"}),
                3, "/nonexistent/template.mlir");
  EXPECT_EQ(nyblCommand({"compile", line, "--chip", "sm_120a", "--emit", "ptx",
                         "--jit", NYBL_TEST_FAKE_JIT, "-o", "/dev/null"})
                .code,
            0);
}

/// A file that was meant to hold a template is not the same as none.
TEST_F(Command, ATemplateIsNeverSilentlyTheBuiltInOne) {
  Layer().write(folder / "in");
  std::string file = folder / "template.mlir";
  const std::pair<std::string, const char *> table[] = {
      {"", "got an empty file"},
      {std::string("tile.kernel\0", 12), "got a file that is no text"}};
  for (const auto &[text, part] : table) {
    writeText(file, text);
    expectOneLine(
        nyblCommand({"compile", line, "--chip", "sm_120a", "--emit", "ptx",
                     "--jit", NYBL_TEST_FAKE_JIT, "--template", file}),
        2, part);
    expectOneLine(run({"--template", file}), 2, part);
  }
  expectOneLine(nyblCommand({"compile", line, "--chip", "sm_120a", "--jit",
                             NYBL_TEST_FAKE_JIT, "--template", ""}),
                2, "expected the name of a file");
  expectOneLine(run({"--template", ""}), 2, "expected the name of a file");
}

TEST_F(Command, DoctorSaysWhatIsMissing) {
  Outcome good = nyblCommand({"doctor"}, {{"NYBL_JIT", NYBL_TEST_FAKE_JIT}});
  EXPECT_EQ(good.code, 0) << good.out << good.err;
  EXPECT_NE(good.out.find("ok      emulated driver  sm_120a"),
            std::string::npos)
      << good.out;
  EXPECT_NE(good.out.find("ok      compiler         fake 1"),
            std::string::npos);
  EXPECT_NE(good.out.find("cache folder"), std::string::npos);
  EXPECT_NE(nyblCommand({"doctor"}, {{"NYBL_NVDISASM", "/nonexistent"}})
                .out.find("missing nvdisasm"),
            std::string::npos);
  Outcome bad = nyblCommand({"doctor"}, {{"NYBL_JIT", "/nonexistent"}});
  expectOneLine(bad, 3, "see the lines marked missing");
  EXPECT_NE(bad.out.find("missing compiler"), std::string::npos) << bad.out;
  Outcome json =
      nyblCommand({"doctor", "--json"}, {{"NYBL_JIT", NYBL_TEST_FAKE_JIT}});
  EXPECT_EQ(json.out.rfind("{", 0), 0u);
  EXPECT_NE(json.out.find("\"usable\": true"), std::string::npos) << json.out;
}

TEST_F(Command, RunWritesTheProduct) {
  Layer(5, 0.5f).write(folder / "in");
  for (std::vector<std::string> more :
       {std::vector<std::string>{}, {"--poison-padding", "0x7f", "--time"}}) {
    Outcome outcome = run(more);
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
    EXPECT_NE(outcome.out.find("emulated"), std::string::npos) << outcome.out;
    auto file = SafetensorsFile::read(folder / "out");
    ASSERT_TRUE(file) << file.message();
    const Tensor *d = file->find("d");
    ASSERT_TRUE(d);
    EXPECT_EQ(d->dtype, "F32");
    EXPECT_EQ(d->shape, (std::vector<int64_t>{5, 24}));
    for (size_t i = 0; i < d->bytes.size(); i += 4) {
      float value;
      std::memcpy(&value, d->bytes.data() + i, 4);
      ASSERT_EQ(value, 0.5f)
          << "the fake kernel writes alpha, element " << i / 4;
    }
  }
  EXPECT_EQ(folder.files(), (std::vector<std::string>{"in", "out"}));
}

TEST_F(Command, RunOfNoRows) {
  Layer(0).write(folder / "in");
  ASSERT_EQ(run({"--poison-padding", "255"}).code, 0);
  auto file = SafetensorsFile::read(folder / "out");
  ASSERT_TRUE(file) << file.message();
  EXPECT_EQ(file->find("d")->shape, (std::vector<int64_t>{0, 24}));
}

struct BadLayer {
  const char *name;
  std::function<void(Layer &)> spoil;
  int code;
  const char *sentence;
};

std::ostream &operator<<(std::ostream &os, const BadLayer &row) {
  return os << row.name;
}

constexpr float inf = std::numeric_limits<float>::infinity();

void setAlpha(Layer &layer, float value) {
  std::string number(4, '\0');
  std::memcpy(number.data(), &value, 4);
  layer.add("alpha", "F32", {1}, number);
}

const BadLayer badLayers[] = {
    {"no_a", [](Layer &l) { l.remove("a"); }, 2, "'a'"},
    {"no_alpha", [](Layer &l) { l.remove("alpha"); }, 2, "'alpha'"},
    {"a_dtype",
     [](Layer &l) { l.add("a", "I8", {5, 24}, std::string(120, 0)); }, 2,
     "expected U8 [M, 24] or F4 [M, 48], got I8 [5, 24]"},
    {"a_shape", [](Layer &l) { l.add("a", "U8", {120}, std::string(120, 0)); },
     2, "got U8 [120]"},
    {"a_k", [](Layer &l) { l.add("a", "U8", {5, 48}, std::string(240, 0)); }, 2,
     "got U8 [5, 48]"},
    {"b_rows", [](Layer &l) { l.add("b", "U8", {5, 24}, std::string(120, 0)); },
     2, "expected U8 [24, 24] or F4 [24, 48], got U8 [5, 24]"},
    {"a_scale_in_8x4", [](Layer &l) { l.addScale("a_scale", 32); }, 2,
     "expected 512 bytes for 5 rows x 3 K blocks in 128x4, which the problem "
     "line "
     "states, got 32, which would be 8x4"},
    {"a_scale_size", [](Layer &l) { l.addScale("a_scale", 511); }, 2,
     "got 511, which fits none"},
    {"b_scale_in_128x4", [](Layer &l) { l.addScale("b_scale", 512); }, 2,
     "in 8x4, which the problem line states, got 512, which would be 128x4"},
    {"a_scale_dtype",
     [](Layer &l) { l.add("a_scale", "F32", {128}, std::string(512, 0)); }, 2,
     "expected U8 or F8_E4M3"},
    {"alpha_shape",
     [](Layer &l) { l.add("alpha", "F32", {2}, std::string(8, 0)); }, 2,
     "expected F32 with one element, got F32 [2]"},
    {"alpha_nan",
     [](Layer &l) { setAlpha(l, std::numeric_limits<float>::quiet_NaN()); }, 1,
     "alpha.value: expected a finite"},
    {"alpha_zero", [](Layer &l) { setAlpha(l, 0); }, 1, "got 0"},
    {"alpha_inf", [](Layer &l) { setAlpha(l, inf); }, 1, "got inf"},
};

class BadInput : public Command,
                 public testing::WithParamInterface<BadLayer> {};

TEST_P(BadInput, IsOneLine) {
  Layer layer;
  GetParam().spoil(layer);
  layer.write(folder / "in");
  writeText(folder / "out", "as it was");
  expectOneLine(run(), GetParam().code, GetParam().sentence);
  EXPECT_EQ(contentOf(folder / "out"), "as it was");
}

INSTANTIATE_TEST_SUITE_P(Table, BadInput, testing::ValuesIn(badLayers),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

TEST_F(Command, RunErrorsHaveTheirCodes) {
  expectOneLine(run(), 3, "cannot open");
  Layer().write(folder / "in");
  expectOneLine(run({}, "gemm m=6 n=24 k=48 sfa=128x4 sfb=8x4 d=f32"), 2,
                "expected 6 rows, the problem line's m, got 5");
  expectOneLine(
      run({}, "gemm m=? n=24 k=48 sfa=128x4 sfb=8x4 d=f32 alpha=none"), 2,
      "alpha=none");
  expectOneLine(run({"--poison-padding", "0x100"}), 2, "--poison-padding");
  expectOneLine(run({"--poison-padding", "x"}), 2, "--poison-padding");
  expectOneLine(run({"--schedule", "unproven"}), 4, "nobody has proven L2, L3");
  expectOneLine(run({"--schedule", "refuse"}), 1, "the fake refuses");
  expectOneLine(run({}, line, {{"NYBL_DRIVER", "/nonexistent/libcuda.so.1"}}),
                3, "/nonexistent/libcuda.so.1");
  Outcome allowed = run({"--schedule", "unproven", "--allow-unproven"});
  EXPECT_EQ(allowed.code, 0) << allowed.err;
  EXPECT_NE(allowed.out.find("not proven, and allowed: L2, L3"),
            std::string::npos);
}

TEST_F(Command, RunNamesTheDevice) {
  Layer().write(folder / "in");
  for (const char *device : {"emu", "emu:", "cuda:x", "cuda:-1", "tpu:0"}) {
    std::vector<std::string> arguments = runArguments();
    arguments[7] = device;
    expectOneLine(nyblCommand(arguments), 2, "--device: expected emu:CHIP");
  }
  std::vector<std::string> arguments = runArguments();
  arguments[7] = "emu:sm_1";
  expectOneLine(nyblCommand(arguments), 2,
                "--device emu:sm_1: expected one of sm_90a");
}

TEST_F(Command, TruncatedFilesAreBadInput) {
  Layer().write(folder / "whole");
  std::string whole = contentOf(folder / "whole");
  for (size_t size :
       {size_t(0), size_t(7), size_t(8), size_t(100), whole.size() - 1}) {
    writeText(folder / "in", whole.substr(0, size));
    expectOneLine(run(), 2, "in'");
  }
}

TEST_F(Command, AFindingOfTheEmulatorIsOneLine) {
  Layer().write(folder / "in");
  // This kernel copies one byte of A's padding into D.
  expectOneLine(run({"--poison-padding", "0x7f", "--schedule", "leak"}), 1,
                "the emulated driver reports: ");
  EXPECT_EQ(run({"--schedule", "cubin"}).code, 0)
      << "a cubin falls back to PTX";
}

} // namespace
