// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What runs of cases share.

#include "tests/Foreign/CaseRun.h"
#include "tests/Foreign/Counts.h"
#include "tools/emulator/include/nybl-emu.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>

using namespace nybl;
using namespace nybl::foreign;

std::vector<Case> foreign::casesOfChip() {
  const char *folder = std::getenv("NYBL_FOREIGN_CASES");
  return folder ? readCases(std::string(folder) + "/" + chip())
                : std::vector<Case>();
}

void foreign::PrintTo(const Case &c, std::ostream *to) { *to << c.folder; }

bool CaseTest::wanted(const Case &c) {
  EXPECT_EQ(c.spec["chip"].get<std::string>(), chip());
  return !c.slow() || std::getenv("NYBL_FOREIGN_ALL");
}

static size_t outputBytes(const Json &buffer) {
  return buffer["elements"].get<size_t>() * elementBytes(buffer["type"]);
}

static const char *countsFile() { return std::getenv("NYBL_FOREIGN_COUNTS"); }

/// Appends one line to the file of NYBL_FOREIGN_COUNTS.
static void writeCounts(const Case &c) {
  Json counts = countsOfLastLaunch({nyblEmuCounters, nyblEmuHotspotCount,
                                    nyblEmuHotspotRead, nyblEmuHotspotText});
  EXPECT_TRUE(counts.is_object()) << "nothing was counted";
  std::ofstream(countsFile(), std::ios::app)
      << Json({{"name", c.name}, {"counts", counts}}) << "\n";
}

void CaseTest::prepareBuffers(const Case &c) {
  if (countsFile())
    ASSERT_CU(nyblEmuSetCounting(1));
  for (const Json &buffer : c.spec["buffers"]) {
    std::string pack = buffer["pack"];
    auto file = [&](const char *field) {
      return readBytes(c.folder + "/" + buffer[field].get<std::string>());
    };
    CUdeviceptr &address = addresses[buffer["name"]];
    if (buffer.contains("before"))
      address = upload(file("before"));
    else if (pack == "output")
      address = allocate(outputBytes(buffer));
    else if (pack == "e2m1")
      address = upload(packE2m1(file("file")));
    else if (pack == "scales")
      address = upload(packScales(file("file"), buffer["layout"],
                                  buffer["rows"], buffer["blocks"]));
    else
      address = upload(file("file"));
  }
}

void CaseTest::checkOutputs(const Case &c) {
  EXPECT_EQ(nyblEmuReportCount(), 0u) << driverMessage();
  for (const Json &buffer : c.spec["buffers"]) {
    if (buffer["pack"] != "output")
      continue;
    std::string file = c.folder + "/" + buffer["file"].get<std::string>();
    std::vector<uint8_t> got =
        download(addresses[buffer["name"]], outputBytes(buffer));
    EXPECT_EQ(compare(buffer, got, readBytes(file)), "");
  }
  nyblEmuCounts counts = {};
  counts.size = sizeof counts;
  EXPECT_EQ(nyblEmuCounters(&counts), 0);
  std::printf("%s %s: %llu warp instructions; %s\n", c.name.c_str(),
              chip().c_str(),
              static_cast<unsigned long long>(counts.warpInstructions),
              forms(c.ptx).c_str());
  if (countsFile())
    writeCounts(c);
}

namespace {

/// Without its environment the script writes nothing: that is said, not hidden.
TEST(ForeignCases, Exist) {
  const char *folder = std::getenv("NYBL_FOREIGN_CASES");
  ASSERT_NE(folder, nullptr);
  std::string note = readText(std::string(folder) + "/SKIPPED");
  if (!note.empty())
    GTEST_SKIP() << note;
  EXPECT_FALSE(casesOfChip().empty()) << folder << "/" << chip();
}

} // namespace
