# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Installs the runtime of the build into an empty folder, builds the consumer against that alone, runs it.
#   cmake -DBUILD=... -DSOURCE=... -DWORK=... -DDRIVER=... -DC=... -DCXX=... -DFLAGS=... -P Run.cmake
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
foreach(program consumer_c consumer_cpp)
  run(${WORK}/build/${program} ${DRIVER})
endforeach()
