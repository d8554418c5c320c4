# One static library per instruction set, each with flags of its own, behind one addon that picks among them at load.
{
  'variables': {
    # No -ffast-math: sums keep their order, and a multiply-add is fused only where the source says so.
    'kernel_flags': [
      '-O3', '-std=c++17', '-fPIC', '-fvisibility=hidden', '-fno-exceptions', '-fno-rtti',
      '-ffp-contract=off', '-fno-math-errno', '-fno-trapping-math', '-Wall', '-Wno-unused-function', '-Wno-psabi',
      '-Wno-maybe-uninitialized',  # GCC warns inside its own intrinsics
    ],
    'avx2_flags': ['-mavx2', '-mfma'],
    'avx512_flags': ['-mavx512f', '-mavx512dq', '-mavx512vl', '-mavx512bw', '-mavx2', '-mfma', '-mprefer-vector-width=512'],
    'avx512bf16_flags': ['-mavx512bf16'],
    'amx_flags': ['-mamx-tile', '-mamx-bf16'],
  },
  'targets': [
    {
      'target_name': 'kernels_baseline',
      'type': 'static_library',
      'sources': [
        'src/kernels/isa_baseline.cpp',
        'src/kernels/unit_emulated_amx.cpp',
        'src/kernels/unit_emulated_avx512bf16.cpp',
      ],
      'cflags_cc!': ['-O2', '-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': ['<@(kernel_flags)'],
      'xcode_settings': { 'OTHER_CPLUSPLUSFLAGS': ['<@(kernel_flags)'] },
    },
    {
      'target_name': 'nonet',
      'sources': [
        'src/addon.cpp',
        'src/core/allocator.cpp',
        'src/core/attention_instructions.cpp',
        'src/core/bf16_gemm_instruction.cpp',
        'src/core/bf16_unit.cpp',
        'src/core/control_instructions.cpp',
        'src/core/convolution_instructions.cpp',
        'src/core/copy_instructions.cpp',
        'src/core/executor.cpp',
        'src/core/gemm_instructions.cpp',
        'src/core/grouped_instructions.cpp',
        'src/core/index_instructions.cpp',
        'src/core/instructions.cpp',
        'src/core/isa.cpp',
        'src/core/mapping.cpp',
        'src/core/pool.cpp',
        'src/core/probe.cpp',
        'src/core/program.cpp',
        'src/core/reader.cpp',
        'src/core/rotary_instruction.cpp',
        'src/core/row_decode.cpp',
        'src/core/row_instruction.cpp',
        'src/core/row_opcodes.cpp',
        'src/core/run_length_instruction.cpp',
        'src/core/orthonormal_instruction.cpp',
        'src/core/sample_instruction.cpp',
      ],
      'include_dirs': ['<!@(node -p "require(\'node-addon-api\').include")'],
      # The last one: a worker that is being ended takes no exception, and the wrapper would end the process over it.
      'defines': ['NAPI_VERSION=8', 'NAPI_CPP_EXCEPTIONS', 'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS'],
      'dependencies': ['kernels_baseline'],
      'cflags_cc!': ['-fno-exceptions', '-fno-rtti', '-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': ['-std=c++17', '-O2', '-fexceptions', '-frtti', '-fvisibility=hidden', '-ffp-contract=off', '-Wall'],
      'xcode_settings': {
        'GCC_ENABLE_CPP_EXCEPTIONS': 'YES',
        'GCC_ENABLE_CPP_RTTI': 'YES',
        'CLANG_CXX_LANGUAGE_STANDARD': 'c++17',
      },
      'conditions': [
        # A worker that ends unloads the addon; the pool's threads would go on running code that is no longer mapped.
        ['OS=="linux"', { 'ldflags': ['-Wl,-z,nodelete'] }],
        ['target_arch=="x64"', { 'dependencies': ['kernels_avx2', 'kernels_avx512', 'unit_avx512bf16', 'unit_amx'] }],
        ['target_arch=="arm64"', { 'dependencies': ['kernels_neon'] }],
      ],
    },
  ],
  'conditions': [
    ['target_arch=="x64"', {
      'targets': [
        {
          'target_name': 'kernels_avx2',
          'type': 'static_library',
          'sources': ['src/kernels/isa_avx2.cpp'],
          'cflags_cc!': ['-O2', '-std=gnu++17', '-std=gnu++20'],
          'cflags_cc': ['<@(kernel_flags)', '<@(avx2_flags)'],
          'xcode_settings': { 'OTHER_CPLUSPLUSFLAGS': ['<@(kernel_flags)', '<@(avx2_flags)'] },
        },
        {
          'target_name': 'kernels_avx512',
          'type': 'static_library',
          'sources': ['src/kernels/isa_avx512.cpp'],
          'cflags_cc!': ['-O2', '-std=gnu++17', '-std=gnu++20'],
          'cflags_cc': ['<@(kernel_flags)', '<@(avx512_flags)'],
          'xcode_settings': { 'OTHER_CPLUSPLUSFLAGS': ['<@(kernel_flags)', '<@(avx512_flags)'] },
        },
        {
          'target_name': 'unit_avx512bf16',
          'type': 'static_library',
          'sources': ['src/kernels/unit_avx512bf16.cpp'],
          'cflags_cc!': ['-O2', '-std=gnu++17', '-std=gnu++20'],
          'cflags_cc': ['<@(kernel_flags)', '<@(avx512_flags)', '<@(avx512bf16_flags)'],
          'xcode_settings': { 'OTHER_CPLUSPLUSFLAGS': ['<@(kernel_flags)', '<@(avx512_flags)', '<@(avx512bf16_flags)'] },
        },
        {
          'target_name': 'unit_amx',
          'type': 'static_library',
          'sources': ['src/kernels/unit_amx.cpp'],
          'cflags_cc!': ['-O2', '-std=gnu++17', '-std=gnu++20'],
          'cflags_cc': ['<@(kernel_flags)', '<@(avx512_flags)', '<@(amx_flags)'],
          'xcode_settings': { 'OTHER_CPLUSPLUSFLAGS': ['<@(kernel_flags)', '<@(avx512_flags)', '<@(amx_flags)'] },
        },
      ],
    }],
    ['target_arch=="arm64"', {
      'targets': [
        {
          'target_name': 'kernels_neon',
          'type': 'static_library',
          'sources': ['src/kernels/isa_neon.cpp'],
          'cflags_cc!': ['-O2', '-std=gnu++17', '-std=gnu++20'],
          'cflags_cc': ['<@(kernel_flags)'],
          'xcode_settings': { 'OTHER_CPLUSPLUSFLAGS': ['<@(kernel_flags)'] },
        },
      ],
    }],
  ],
}
