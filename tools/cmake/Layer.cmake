# SPDX-License-Identifier: GPL-2.0-or-later
# xlvs_layer(<name> SOURCES <file>... [DEPENDS <layer>...] [LIBRARIES <target>...])
#
# One folder of loader/ as a static library xlvs_<name>. DEPENDS are layers whose
# headers it may include and whose users get them too; LIBRARIES stay private.
# tools/lint/layering checks the includes against the same order.
function(xlvs_layer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS;LIBRARIES")
  if(arg_SOURCES)
    add_library(xlvs_${name} STATIC ${arg_SOURCES})
    set(scope PUBLIC)
    if(arg_LIBRARIES)
      target_link_libraries(xlvs_${name} PRIVATE ${arg_LIBRARIES})
    endif()
  else()
    add_library(xlvs_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(xlvs_${name} ${scope} ${PROJECT_SOURCE_DIR}/loader)
  foreach(layer IN LISTS arg_DEPENDS)
    target_link_libraries(xlvs_${name} ${scope} xlvs_${layer})
  endforeach()
endfunction()
