# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Installs the runtime of the build into an empty folder, builds the consumer against that alone, runs it with a bundle.
#   cmake -DBUILD=... -DSOURCE=... -DWORK=... -DDRIVER=... -DC=... -DCXX=... -DFLAGS=... -DNYBL=... -DJIT=... -P Run.cmake
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(code)
    message(FATAL_ERROR "${ARGN}\nfailed (${code}):\n${text}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --component runtime --prefix ${WORK}/prefix)
run(${CMAKE_COMMAND} -G Ninja -S ${SOURCE} -B ${WORK}/build -DCMAKE_PREFIX_PATH=${WORK}/prefix
  -DCMAKE_C_COMPILER=${C} -DCMAKE_CXX_COMPILER=${CXX} "-DCMAKE_C_FLAGS=${FLAGS}" "-DCMAKE_CXX_FLAGS=${FLAGS}")
run(${CMAKE_COMMAND} --build ${WORK}/build)
file(WRITE ${WORK}/problems.txt "gemm n=24 k=64 d=f32\n")
run(${CMAKE_COMMAND} -E env NYBL_CACHE=off ${NYBL} bundle ${WORK}/problems.txt --chips sm_120a --jit ${JIT}
  -o ${WORK}/kernels.nybl)
run(${WORK}/build/consumer_c ${DRIVER} ${WORK}/kernels.nybl ${JIT})
run(${WORK}/build/consumer_cpp ${DRIVER})

# The same without CMake: what pkg-config says is all that is on the command line.
set(ENV{PKG_CONFIG_LIBDIR} ${WORK}/prefix/lib/pkgconfig)
execute_process(COMMAND pkg-config --cflags --libs nybl RESULT_VARIABLE code OUTPUT_VARIABLE said ERROR_VARIABLE said)
if(code OR NOT said MATCHES "-lnybl" OR said MATCHES "LLVM|MLIR")
  message(FATAL_ERROR "expected pkg-config to name nybl and no LLVM, it says: ${said}")
endif()
separate_arguments(said UNIX_COMMAND "${said}")
separate_arguments(flags UNIX_COMMAND "${FLAGS}")
run(${C} -std=c99 -Wall -Wextra -pedantic -Werror ${flags} ${SOURCE}/Consumer.c -o ${WORK}/consumer_pc ${said}
  -Wl,-rpath,${WORK}/prefix/lib)
run(${WORK}/consumer_pc ${DRIVER} ${WORK}/kernels.nybl ${JIT})
