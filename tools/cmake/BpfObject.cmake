# SPDX-License-Identifier: GPL-2.0-or-later
# xlvs_add_bpf_object(<name> SOURCE <file>)
#
# Compiles one BPF program and generates its libbpf skeleton. Link the INTERFACE
# target <name> to get <name>.skel.h, built in the right order; the target
# property XLVS_BPF_OBJECT is the object's path. Dependencies are exact: the
# compiler's own depfile, so that editing a header rebuilds what includes it.
function(xlvs_add_bpf_object name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "SOURCE" "")
  find_program(XLVS_CLANG NAMES clang-14 clang REQUIRED)
  find_program(XLVS_BPFTOOL bpftool REQUIRED PATHS /usr/sbin)
  set(obj ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.o)
  set(skel ${CMAKE_CURRENT_BINARY_DIR}/${name}.skel.h)
  add_custom_command(OUTPUT ${obj}
    COMMAND ${XLVS_CLANG} -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -I${PROJECT_SOURCE_DIR}/bpf
            -I/usr/include/${CMAKE_LIBRARY_ARCHITECTURE} -MD -MF ${obj}.d
            -c ${CMAKE_CURRENT_SOURCE_DIR}/${arg_SOURCE} -o ${obj}
    DEPENDS ${arg_SOURCE} DEPFILE ${obj}.d VERBATIM COMMENT "BPF ${name}")
  add_custom_command(OUTPUT ${skel} DEPENDS ${obj} VERBATIM
    COMMAND sh -c "\"$1\" gen skeleton \"$2\" name ${name} > \"$3\"" -- ${XLVS_BPFTOOL} ${obj} ${skel})
  add_custom_target(${name}_skel ALL DEPENDS ${skel})
  add_library(${name} INTERFACE)
  add_dependencies(${name} ${name}_skel)
  target_include_directories(${name} SYSTEM INTERFACE ${CMAKE_CURRENT_BINARY_DIR})
  set_target_properties(${name} PROPERTIES XLVS_BPF_OBJECT ${obj})
endfunction()
