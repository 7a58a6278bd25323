// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Copies and fills of two and three dimensions, and pitched allocations.

#include "tools/emulator/Driver/Transfer.h"

using namespace nybl::emu;

/// One end of a description: which memory, and where the part begins.
static CUresult endOf(const Entry &entry, CUmemorytype type, const void *host,
                      CUdeviceptr device, size_t pitch, size_t rows,
                      const size_t offset[3], CopyEnd &end) {
  if (type == CU_MEMORYTYPE_HOST)
    end = hostEnd(host);
  else if (type == CU_MEMORYTYPE_DEVICE)
    end = deviceEnd(device);
  else if (type == CU_MEMORYTYPE_UNIFIED)
    end = anyEnd(entry, device);
  else
    return refuse(CUDA_ERROR_NOT_SUPPORTED,
                  "copy: arrays are not supported by this emulated driver");
  uint64_t slice = 0;
  if (__builtin_mul_overflow(pitch, rows, &slice))
    return reject(CUDA_ERROR_INVALID_VALUE);
  end.pitch = pitch;
  end.slice = slice;
  end.address += offset[0] + offset[1] * end.pitch + offset[2] * end.slice;
  return CUDA_SUCCESS;
}

CUresult nybl::emu::copyOf(const Entry &entry, const CUDA_MEMCPY3D &d,
                           CopyWork &work) {
  work.width = d.WidthInBytes;
  work.height = d.Height;
  work.depth = d.Depth;
  size_t fromOffset[] = {d.srcXInBytes, d.srcY, d.srcZ};
  size_t toOffset[] = {d.dstXInBytes, d.dstY, d.dstZ};
  // A pitch of 0 is that of a row, a height of 0 that of the part.
  size_t fromPitch = d.srcPitch ? d.srcPitch : d.WidthInBytes;
  size_t toPitch = d.dstPitch ? d.dstPitch : d.WidthInBytes;
  size_t fromRows = d.srcHeight ? d.srcHeight : d.Height;
  size_t toRows = d.dstHeight ? d.dstHeight : d.Height;
  bool overlap = (d.Height > 1 || d.Depth > 1) &&
                 (fromPitch < d.WidthInBytes || toPitch < d.WidthInBytes);
  if (overlap || d.srcLOD != 0 || d.dstLOD != 0)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "copy: expected pitches of at least the width of " +
                      std::to_string(d.WidthInBytes) +
                      " bytes and levels of detail of 0");
  if (CUresult status = endOf(entry, d.srcMemoryType, d.srcHost, d.srcDevice,
                              fromPitch, fromRows, fromOffset, work.from))
    return status;
  return endOf(entry, d.dstMemoryType, d.dstHost, d.dstDevice, toPitch, toRows,
               toOffset, work.to);
}

static CUresult copy3D(const CUDA_MEMCPY3D *description, CUstream stream,
                       Mode mode) {
  Entry entry = enterTransfer(mode);
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!description)
    return reject(CUDA_ERROR_INVALID_VALUE);
  CopyWork work;
  if (CUresult status = copyOf(entry, *description, work))
    return status;
  return transfer(entry, std::move(work), stream, mode);
}

static CUresult copy2D(const CUDA_MEMCPY2D *d, CUstream stream, Mode mode) {
  if (!d)
    return reject(CUDA_ERROR_INVALID_VALUE);
  CUDA_MEMCPY3D full = {};
  full.srcXInBytes = d->srcXInBytes;
  full.srcY = d->srcY;
  full.srcMemoryType = d->srcMemoryType;
  full.srcHost = d->srcHost;
  full.srcDevice = d->srcDevice;
  full.srcPitch = d->srcPitch;
  full.dstXInBytes = d->dstXInBytes;
  full.dstY = d->dstY;
  full.dstMemoryType = d->dstMemoryType;
  full.dstHost = d->dstHost;
  full.dstDevice = d->dstDevice;
  full.dstPitch = d->dstPitch;
  full.WidthInBytes = d->WidthInBytes;
  full.Height = d->Height;
  full.Depth = 1;
  return copy3D(&full, stream, mode);
}

CUresult CUDAAPI cuMemcpy2D_v2(const CUDA_MEMCPY2D *description) {
  return copy2D(description, nullptr, Mode::Wait);
}

CUresult CUDAAPI cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D *description) {
  return copy2D(description, nullptr, Mode::Wait);
}

CUresult CUDAAPI cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *description,
                                    CUstream stream) {
  return copy2D(description, stream, Mode::Async);
}

CUresult CUDAAPI cuMemcpy3D_v2(const CUDA_MEMCPY3D *description) {
  return copy3D(description, nullptr, Mode::Wait);
}

CUresult CUDAAPI cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D *description,
                                    CUstream stream) {
  return copy3D(description, stream, Mode::Async);
}

CUresult CUDAAPI cuMemsetD2D8_v2(CUdeviceptr to, size_t pitch,
                                 unsigned char value, size_t width,
                                 size_t height) {
  return fill({to, pitch, value, 1, width, height}, nullptr, Mode::Wait);
}

CUresult CUDAAPI cuMemsetD2D16_v2(CUdeviceptr to, size_t pitch,
                                  unsigned short value, size_t width,
                                  size_t height) {
  return fill({to, pitch, value, 2, width, height}, nullptr, Mode::Wait);
}

CUresult CUDAAPI cuMemsetD2D32_v2(CUdeviceptr to, size_t pitch,
                                  unsigned int value, size_t width,
                                  size_t height) {
  return fill({to, pitch, value, 4, width, height}, nullptr, Mode::Wait);
}

CUresult CUDAAPI cuMemsetD2D8Async(CUdeviceptr to, size_t pitch,
                                   unsigned char value, size_t width,
                                   size_t height, CUstream stream) {
  return fill({to, pitch, value, 1, width, height}, stream, Mode::Async);
}

CUresult CUDAAPI cuMemsetD2D16Async(CUdeviceptr to, size_t pitch,
                                    unsigned short value, size_t width,
                                    size_t height, CUstream stream) {
  return fill({to, pitch, value, 2, width, height}, stream, Mode::Async);
}

CUresult CUDAAPI cuMemsetD2D32Async(CUdeviceptr to, size_t pitch,
                                    unsigned int value, size_t width,
                                    size_t height, CUstream stream) {
  return fill({to, pitch, value, 4, width, height}, stream, Mode::Async);
}

CUresult CUDAAPI cuMemAllocPitch_v2(CUdeviceptr *address, size_t *pitch,
                                    size_t width, size_t height,
                                    unsigned int elementBytes) {
  constexpr size_t unit = 512;
  bool sane = pitch && width > 0 && width <= SIZE_MAX / 2 && height > 0 &&
              (elementBytes == 4 || elementBytes == 8 || elementBytes == 16);
  size_t bytes = 0;
  size_t row = (width + unit - 1) / unit * unit;
  if (!sane || __builtin_mul_overflow(row, height, &bytes))
    return reject(CUDA_ERROR_INVALID_VALUE);
  if (CUresult status = cuMemAlloc_v2(address, bytes))
    return status;
  *pitch = row;
  return CUDA_SUCCESS;
}
