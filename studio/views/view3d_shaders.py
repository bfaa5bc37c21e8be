"""What VTK's shaders are told: the light rig, the styles, outlines and the ground. GLSL 1.50, as VTK writes it.

The texts replace tags of VTK's templates. Lights stand with the camera, as in a studio: a warm key from the upper left, a
cool fill from the right, a rim from behind, the sky above and the ground below. All is matt, and worked out in linear
light in one pass without loops, which costs software OpenGL a third of what VTK's own lights do.
"""

from vtkmodules.vtkRenderingCore import vtkShaderProperty

from studio.models.scene import Style

LIGHT, EDGES, TEXTURE = "//VTK::Light::Impl", "//VTK::Edges::Impl", "//VTK::TCoord::Impl"
POSITION = "//VTK::PositionVC::Impl"

_RIG = """
  vec3 n = normalVCVSOutput;
  vec3 base = diffuseColor;
  if (!gl_FrontFacing) { base *= 0.45; }
  float key = max(0.0, (dot(n, vec3(-0.46, 0.58, 0.67)) + 0.12) / 1.12);
  float fill = max(0.0, dot(n, vec3(0.83, 0.05, 0.55)));
  vec3 sky = mix(vec3(0.15, 0.14, 0.13), vec3(0.32, 0.345, 0.39), 0.5 + 0.5 * n.y);
  float edge = pow(1.0 - clamp(n.z, 0.0, 1.0), 3.0);
  float rim = edge * (0.35 + 0.65 * smoothstep(-0.2, 0.8, n.y));
  float gloss = pow(max(0.0, dot(n, vec3(-0.25, 0.32, 0.91))), 22.0);
  vec3 lit = base * (sky + key * vec3(0.80, 0.765, 0.72) + fill * vec3(0.17, 0.20, 0.24));
"""
_OUT = "  gl_FragData[0] = vec4(pow(clamp(lit, 0.0, 1.0), vec3(1.0 / 2.2)), opacity);\n"

SURFACE: dict[Style, str] = {
    "shaded": _RIG + "  lit += rim * 0.10 + gloss * 0.035;\n" + _OUT,
    "clay": _RIG
    + """
  vec3 tone = vec3(0.40, 0.235, 0.165) * (gl_FrontFacing ? 1.0 : 0.45);
  lit = tone * (sky * 0.9 + key * 1.05 + fill * 0.22) + rim * vec3(0.20, 0.15, 0.12) + gloss * 0.05;
"""
    + _OUT,
    "normals": "  gl_FragData[0] = vec4(normalVCVSOutput * 0.5 + 0.5, opacity);\n",
    "x-ray": _RIG
    + """
  float thin = 1.0 - abs(n.z);
  lit = pow(clamp(mix(base * 1.2 + 0.06, vec3(1.0), 0.10 * thin), 0.0, 1.0), vec3(1.0 / 2.2));
  float line = chosen.a * 0.85 * smoothstep(0.62, 0.95, thin);  // no outline can be drawn around what is seen through
  gl_FragData[0] = vec4(mix(lit, chosen.rgb, line), max(0.14 + 0.70 * pow(thin, 1.6), line));
""",
    # VTK's own text for edges leaves `emix`: how much of the pixel an edge covers
    "wireframe": """
  vec3 face = mix(backColour, pow(diffuseColor, vec3(1.0 / 2.2)), 0.16 * (1.0 - emix));
  vec3 wire = mix(inkColour, pow(partColour, vec3(1.0 / 2.2)), 0.45);
  gl_FragData[0] = vec4(mix(face, wire, 0.75 * emix), opacity);
""",
}

# A shell around the part, grown in the picture by a fixed number of pixels, of which only the inner side is drawn.
HULL_POSITION = """
  vertexVCVSOutput = MCVCMatrix * vertexMC;
  gl_Position = MCDCMatrix * vertexMC;
  vec2 outwards = (MCDCMatrix * vec4(normalMC, 0.0)).xy * pixels;
  float much = length(outwards);
  if (much > 0.0) { gl_Position.xy += outwards / much * width * gl_Position.w / pixels; }
"""
# Far behind, as passes see it: a line is neither darkened nor darkens.
HULL_LIGHT = """
  gl_FragData[0] = vec4(lineColour, 1.0);
  gl_FragData[1] = vec4(vertexVC.xyz * 100.0, 1.0);
"""

# Lines of the ground every tenth of a unit, bolder every half; x is red and z is blue as everywhere; softly fading out.
GROUND = """
  vec2 at = (tcoordVCVSOutput.st - 0.5) * extent;  // canonical units, x and z
  vec2 wide = max(fwidth(at), vec2(1e-6));
  vec2 small = abs(fract(at * 10.0 - 0.5) - 0.5) / (wide * 10.0);
  vec2 large = abs(fract(at * 2.0 - 0.5) - 0.5) / (wide * 2.0);
  float crowd = clamp(1.0 - max(wide.x, wide.y) * 25.0, 0.0, 1.0);
  float line = max((1.0 - min(min(small.x, small.y), 1.0)) * 0.16 * crowd, (1.0 - min(min(large.x, large.y), 1.0)) * 0.26);
  vec3 tone = lineColour;
  vec2 axis = 1.0 - min(abs(at) / (wide * 1.3), 1.0);
  if (axis.y > 0.0) { tone = mix(tone, vec3(0.86, 0.27, 0.28), axis.y); line = max(line, 0.6 * axis.y); }
  if (axis.x > 0.0) { tone = mix(tone, vec3(0.25, 0.50, 0.92), axis.x); line = max(line, 0.6 * axis.x); }
  float far = 1.0 - smoothstep(0.35, 1.0, length(at) / (extent * 0.5));
  line *= far * gridShown;
  float dark = texture(actortexture, tcoordVCVSOutput.st).r * shadowShown;
  float below = gl_FrontFacing ? 1.0 : 0.25;
  float cover = 1.0 - (1.0 - line) * (1.0 - dark);
  gl_FragData[0] = vec4(tone * line / max(cover, 1e-4), cover * below);
"""


def dress(shader: vtkShaderProperty, style: Style) -> None:
    """Make an actor's shader draw a style."""
    shader.ClearAllFragmentShaderReplacements()
    shader.AddFragmentShaderReplacement(LIGHT, True, after_light(SURFACE[style]), False)


def after_light(text: str) -> str:
    """The text behind VTK's own lights: the tag must stay, since passes write depth and normals where it stands."""
    return f"{LIGHT}\n{{\n{text}}}\n"
