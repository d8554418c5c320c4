import type { z as Z } from 'zod';

export const optimizerNames = [
  'adamw',
  'muon',
  'lion',
  'adaptiveLion',
  'adafactor',
  'sgd',
  'tgAdam',
  'shampoo',
  'soap',
] as const;

export const momentumKinds = ['debiased', 'ema', 'heavyball', 'nesterov'] as const;

export const stateTypes = ['f32', 'f64', 'bf16'] as const;

/** The keys under `train` that say how a step is made of a gradient. */
export const optimizerKeys = (z: typeof Z) => ({
  optimizer: z
    .enum(optimizerNames)
    .default('adamw')
    .describe('What turns gradients into steps; each wants a learning rate of its own, see docs/training.md.'),
  betas: z
    .tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)])
    .default([0.9, 0.99])
    .describe('Decay rates of the moments of adamw, shampoo and soap and of the momentum of lion and adaptiveLion.'),
  epsilon: z.number().positive().default(1e-8).describe('Epsilon of adamw, shampoo and soap.'),
  momentum: z.number().min(0).lt(1).default(0.95).describe('Decay rate of the momentum (muon, sgd); sgd takes 0 too.'),
  nesterov: z.boolean().default(true).describe('Whether momentum looks one step ahead (muon, sgd).'),
  muonRate: z
    .number()
    .positive()
    .default(20)
    .describe("Learning rate of muon's matrices over train.learningRate, which AdamW takes for the rest."),
  preconditionBlock: z
    .number()
    .int()
    .min(2)
    .default(512)
    .describe('Largest size of the blocks that shampoo cuts tensors into.'),
  preconditionSkip: z
    .number()
    .int()
    .min(2)
    .default(1024)
    .describe('Tensors with a longer axis (shampoo), or longer axes alone (soap), are not preconditioned.'),
  preconditionFrom: z.number().int().min(0).default(16).describe('First step with preconditioners (shampoo).'),
  preconditionEvery: z
    .number()
    .int()
    .positive()
    .optional()
    .describe('Steps between two computations of the preconditioners; default: 128 (shampoo), 10 (soap).'),
  statisticsEvery: z
    .number()
    .int()
    .positive()
    .default(4)
    .describe('Steps between two updates of its statistics (shampoo).'),
  tgBetas: z
    .tuple([z.number().min(0).lt(1), z.number().min(0).lt(1), z.number().min(0).lt(1)])
    .default([0.97, 0.997, 0.999])
    .describe('Decay rates of the averages of tgAdam: of gradients, their squares, and the squares of examples.'),
  momentumKind: z.enum(momentumKinds).default('debiased').describe('How tgAdam averages gradients.'),
  stateType: z.enum(stateTypes).default('f32').describe('What tgAdam stores its averages as.'),
  relativeStep: z.boolean().default(false).describe("Whether adafactor's steps are shares of the size of a tensor."),
  weightDecay: z
    .number()
    .min(0)
    .default(0.1)
    .describe('Decoupled weight decay, on matrices only unless train.decayNames says where.'),
  decayNames: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe('Parameters that decay, by a whole part of their path: embedding, blocks.0, feedForward.up.weight.'),
  clipKind: z
    .enum(['norm', 'value', 'adaptive', 'weight'])
    .default('norm')
    .describe(
      'What bounds a gradient: its global norm, each of its numbers, the norms of the gradients before, or, for each ' +
        'tensor, the norm of its weights.',
    ),
  clip: z
    .number()
    .positive()
    .default(1)
    .describe('Largest global norm (norm) or largest number (value) of a gradient.'),
  clipFactor: z.number().gt(1).default(2).describe('Largest norm over the running mean of the norms (adaptive).'),
  clipRatio: z
    .number()
    .positive()
    .default(0.001)
    .describe("Largest norm of a tensor's gradient over that of its weights (weight)."),
  clipBeta: z.number().min(0).lt(1).default(0.98).describe('Share of that running mean that stays at each step.'),
});
