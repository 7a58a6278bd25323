// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensor maps through the driver API: every limit it states, one by one.

#include "tests/Emulator/DriverFixture.h"
#include "tools/emulator/Device/TensorMap.h"

#include <cstring>
#include <functional>

namespace {

/// The arguments of cuTensorMapEncodeTiled; as they come, a good set.
struct Arguments {
  CUtensorMapDataType type = CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
  cuuint32_t rank = 3;
  uint64_t address = uint64_t(1) << 41;
  cuuint64_t dims[5] = {256, 64, 8, 4, 2};
  cuuint64_t strides[4] = {512, 512 * 64, 512 * 64 * 8, 512 * 64 * 8 * 4};
  cuuint32_t box[5] = {64, 32, 2, 1, 1};
  cuuint32_t elementStrides[5] = {1, 1, 1, 1, 1};
  CUtensorMapInterleave interleave = CU_TENSOR_MAP_INTERLEAVE_NONE;
  CUtensorMapSwizzle swizzle = CU_TENSOR_MAP_SWIZZLE_128B;
  CUtensorMapL2promotion promotion = CU_TENSOR_MAP_L2_PROMOTION_L2_128B;
  CUtensorMapFloatOOBfill fill = CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE;

  CUresult encode(CUtensorMap &map) const {
    return cuTensorMapEncodeTiled(
        &map, type, rank, reinterpret_cast<void *>(address), dims, strides, box,
        elementStrides, interleave, swizzle, promotion, fill);
  }
};

class DriverTensorMap : public DriverTest {
protected:
  CUtensorMap map = {};

  void good(const std::function<void(Arguments &)> &change) {
    Arguments a;
    change(a);
    EXPECT_CU(CUDA_SUCCESS, a.encode(map));
  }
  void bad(const std::function<void(Arguments &)> &change, const char *word) {
    Arguments a;
    change(a);
    EXPECT_CU(CUDA_ERROR_INVALID_VALUE, a.encode(map)) << word;
    EXPECT_NE(std::string(nyblEmuLastMessage()).find(word), std::string::npos)
        << nyblEmuLastMessage();
  }
};

TEST_F(DriverTensorMap, AMapSaysWhatItWasMadeOf) {
  Arguments a;
  ASSERT_CU(a.encode(map));
  auto check = [&](uint64_t address) {
    auto decoded =
        nybl::emu::decodeTensorMap(reinterpret_cast<const uint8_t *>(&map));
    ASSERT_TRUE(decoded) << decoded.message();
    EXPECT_EQ(decoded->globalAddress, address);
    EXPECT_EQ(decoded->rank, 3u);
    EXPECT_EQ(decoded->elementType, nybl::emu::TensorElement::Bf16);
    EXPECT_EQ(decoded->dims[0], 256u);
    EXPECT_EQ(decoded->dims[2], 8u);
    EXPECT_EQ(decoded->strides[1], 512u);
    EXPECT_EQ(decoded->strides[2], 512u * 64);
    EXPECT_EQ(decoded->box[1], 32u);
    EXPECT_EQ(decoded->swizzle, nybl::emu::TensorSwizzle::Bytes128);
  };
  check(a.address);
  // Programs clear this bit for old drivers.
  EXPECT_EQ(map.opaque[1] & (uint64_t(1) << 21), 0u);
  ASSERT_CU(cuTensorMapReplaceAddress(&map, reinterpret_cast<void *>(1 << 20)));
  check(1 << 20);
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE,
            cuTensorMapReplaceAddress(&map, reinterpret_cast<void *>(8)));
  CUtensorMap none = {};
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE,
            cuTensorMapReplaceAddress(&none, nullptr));
}

TEST_F(DriverTensorMap, LimitsOfShape) {
  good([](Arguments &a) { a.dims[0] = uint64_t(1) << 32; });
  good([](Arguments &a) { a.rank = 5; });
  good([](Arguments &a) { a.rank = 1; });
  bad([](Arguments &a) { a.rank = 0; }, "rank");
  bad([](Arguments &a) { a.rank = 6; }, "rank");
  bad([](Arguments &a) { a.address += 8; }, "address");
  bad([](Arguments &a) { a.dims[1] = 0; }, "dims[1]");
  bad([](Arguments &a) { a.dims[2] = (uint64_t(1) << 32) + 1; }, "dims[2]");
  bad([](Arguments &a) { a.strides[0] = 520; }, "stride");
  bad([](Arguments &a) { a.strides[1] = uint64_t(1) << 40; }, "stride");
  good([](Arguments &a) { a.strides[1] = (uint64_t(1) << 40) - 16; });
  good([](Arguments &a) { a.box[1] = 256; });
  bad([](Arguments &a) { a.box[1] = 257; }, "box[1]");
  bad([](Arguments &a) { a.box[2] = 0; }, "box[2]");
  good([](Arguments &a) { a.elementStrides[1] = 8; });
  bad([](Arguments &a) { a.elementStrides[1] = 9; }, "element");
  bad([](Arguments &a) { a.elementStrides[2] = 0; }, "elementStrides[2]");
  good([](Arguments &a) { a.elementStrides[0] = 0; }); // not looked at
}

TEST_F(DriverTensorMap, LimitsOfSwizzleAndInterleave) {
  bad([](Arguments &a) { a.box[0] = 4; }, "multiple of 128"); // 8 bytes
  bad([](Arguments &a) { a.box[0] = 72; }, "swizzle");        // 144 bytes
  good([](Arguments &a) {
    a.box[0] = 72;
    a.swizzle = CU_TENSOR_MAP_SWIZZLE_NONE;
  });
  bad([](Arguments &a) { a.swizzle = CU_TENSOR_MAP_SWIZZLE_64B; }, "64");
  good([](Arguments &a) {
    a.swizzle = CU_TENSOR_MAP_SWIZZLE_32B;
    a.box[0] = 16;
  });
  bad(
      [](Arguments &a) {
        a.swizzle = CU_TENSOR_MAP_SWIZZLE_32B;
        a.box[0] = 24;
      },
      "32");
  auto interleaved = [](Arguments &a) {
    a.interleave = CU_TENSOR_MAP_INTERLEAVE_32B;
    a.swizzle = CU_TENSOR_MAP_SWIZZLE_32B;
  };
  good(interleaved);
  bad(
      [&](Arguments &a) {
        interleaved(a);
        a.rank = 2;
      },
      "rank");
  bad(
      [&](Arguments &a) {
        interleaved(a);
        a.swizzle = CU_TENSOR_MAP_SWIZZLE_64B;
      },
      "swizzle");
  bad(
      [&](Arguments &a) {
        interleaved(a);
        a.address += 16;
      },
      "multiple of 32");
  bad([](Arguments &a) { a.swizzle = CUtensorMapSwizzle(7); }, "enums");
}

TEST_F(DriverTensorMap, LimitsOfTypes) {
  good([](Arguments &a) {
    a.fill = CU_TENSOR_MAP_FLOAT_OOB_FILL_NAN_REQUEST_ZERO_FMA;
  });
  bad(
      [](Arguments &a) {
        a.type = CU_TENSOR_MAP_DATA_TYPE_UINT16;
        a.fill = CU_TENSOR_MAP_FLOAT_OOB_FILL_NAN_REQUEST_ZERO_FMA;
      },
      "floating-point");
  auto packed = [](Arguments &a) {
    a.type = CU_TENSOR_MAP_DATA_TYPE_16U4_ALIGN8B;
    a.box[0] = 256; // 128 bytes
  };
  good(packed);
  bad(
      [&](Arguments &a) {
        packed(a);
        a.dims[0] = 255;
      },
      "multiple of 2");
  bad(
      [&](Arguments &a) {
        packed(a);
        a.box[0] = 16; // 8 bytes
      },
      "multiple of 128");
  for (auto type : {CU_TENSOR_MAP_DATA_TYPE_16U4_ALIGN16B,
                    CU_TENSOR_MAP_DATA_TYPE_16U6_ALIGN16B}) {
    auto padded = [&](Arguments &a) {
      a.type = type;
      a.box[0] = 128;
    };
    good(padded);
    auto spoilt = [&](const char *word, auto change) {
      bad(
          [&](Arguments &a) {
            padded(a);
            change(a);
          },
          word);
    };
    spoilt("128", [](Arguments &a) { a.box[0] = 64; });
    spoilt("128", [](Arguments &a) { a.dims[0] = 192; });
    spoilt("multiple of 32", [](Arguments &a) { a.address += 16; });
    spoilt("multiple of 32", [](Arguments &a) { a.strides[0] += 16; });
    spoilt("swizzle",
           [](Arguments &a) { a.swizzle = CU_TENSOR_MAP_SWIZZLE_64B; });
    spoilt("floating-point", [](Arguments &a) {
      a.fill = CU_TENSOR_MAP_FLOAT_OOB_FILL_NAN_REQUEST_ZERO_FMA;
    });
  }
}

TEST_F(DriverTensorMap, NullsAndMisplacedMapsAreRefused) {
  Arguments a;
  alignas(64) char room[sizeof(CUtensorMap) + 64];
  auto *misplaced = reinterpret_cast<CUtensorMap *>(room + 16);
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE,
            cuTensorMapEncodeTiled(misplaced, a.type, 1, nullptr, a.dims,
                                   a.strides, a.box, a.elementStrides,
                                   a.interleave, a.swizzle, a.promotion,
                                   a.fill));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE,
            cuTensorMapEncodeTiled(&map, a.type, 2, nullptr, a.dims, nullptr,
                                   a.box, a.elementStrides, a.interleave,
                                   a.swizzle, a.promotion, a.fill));
  EXPECT_CU(CUDA_ERROR_NOT_SUPPORTED,
            cuTensorMapEncodeIm2col(&map, a.type, 3, nullptr, a.dims, a.strides,
                                    nullptr, nullptr, 1, 1, a.elementStrides,
                                    a.interleave, a.swizzle, a.promotion,
                                    a.fill));
}

} // namespace
