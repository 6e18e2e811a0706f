# hadal_bundle(NAME VARIABLE)
# Bundles web/NAME with esbuild when the build is configured, and again when one of its sources has
# changed; VARIABLE becomes the folder with index.html, app.js and app.css. The tools come from npm
# by tools/setup-npm.sh, pinned by web/NAME/package-lock.json.
function(hadal_bundle name variable)
  set(source "${PROJECT_SOURCE_DIR}/web/${name}")
  set(modules "${PROJECT_SOURCE_DIR}/build/npm/${name}")
  set(out "${PROJECT_BINARY_DIR}/web/${name}")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${source}/src/*" "${source}/*.mjs"
       "${source}/package-lock.json")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${sources})
  set(without "or configure with -DHADAL_DASHBOARD=OFF, which leaves out hadal dashboard")
  find_program(HADAL_NODE NAMES node nodejs)
  if(NOT HADAL_NODE)
    message(FATAL_ERROR "The dashboard's page is bundled by node, which is not here: install it "
                        "(tools/setup-debian.sh does), ${without}.")
  endif()
  set(wanted "")
  set(installed "")
  if(EXISTS "${modules}/installed-package-lock.json")
    file(READ "${modules}/installed-package-lock.json" installed)
    file(READ "${source}/package-lock.json" wanted)
  endif()
  if(NOT installed OR NOT installed STREQUAL wanted)
    message(FATAL_ERROR "The dashboard's page needs esbuild and ECharts from npm: run "
                        "tools/setup-npm.sh while there is a network, ${without}.")
  endif()
  execute_process(COMMAND "${HADAL_NODE}" "${source}/bundle.mjs" "${modules}" "${out}"
                  RESULT_VARIABLE status ERROR_VARIABLE errors)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "The dashboard's page could not be bundled:\n${errors}")
  endif()
  set(${variable} "${out}" PARENT_SCOPE)
endfunction()
